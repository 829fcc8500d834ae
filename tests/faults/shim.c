/* Preloaded into the programs under test: lets the FAULT_AT-th operation that changes something
 * under FAULT_FOLDER go wrong, as FAULT_KIND says. FAULT_COUNT is a file of eight bytes that all
 * processes share and that counts the operations; FAULT_LOG, if set, gets a line for each. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { COUNT, FAIL, FULL, SHORT, KILL_BEFORE, KILL_AFTER, TORN };

static enum kind kind;
static int error = EIO;
static long at;
static const char *folder, *log_path;
static volatile long *count;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    static const struct { const char *name; enum kind kind; int error; } kinds[] = {
        {"eio", FAIL, EIO},          {"enospc", FULL, ENOSPC},    {"edquot", FULL, EDQUOT},
        {"short", SHORT, ENOSPC},    {"kill", KILL_BEFORE, 0},    {"killed", KILL_AFTER, 0},
        {"torn", TORN, 0},
    };
    const char *name = getenv("FAULT_KIND"), *counter = getenv("FAULT_COUNT");
    folder = getenv("FAULT_FOLDER");
    log_path = getenv("FAULT_LOG");
    if (!folder || !counter) return;
    at = atol(getenv("FAULT_AT") ?: "0");
    for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(name, kinds[i].name)) kind = kinds[i].kind, error = kinds[i].error;
    int fd = syscall(SYS_openat, AT_FDCWD, counter, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (shared != MAP_FAILED) count = shared;
}

static int under(const char *path) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int concerns_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = count ? syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1) : -1;
    if (length < 0) return 0;
    path[length] = 0;
    return under(path);
}

static int concerns(int where, const char *path) {
    char absolute[PATH_MAX];
    if (!count) return 0;
    if (path[0] == '/') return under(path);
    if (where != AT_FDCWD) return concerns_fd(where);
    if (!getcwd(absolute, sizeof absolute)) return 0;
    return under(absolute);
}

/* What happens at this operation: COUNT lets it pass. A full disk stays full for what grows. */
static enum kind next(const char *what, int grows) {
    int before = errno;
    long number = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    if (log_path) {
        char line[64];
        int length = snprintf(line, sizeof line, "%ld %s\n", number, what);
        int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT, 0600);
        syscall(SYS_write, fd, line, length);
        syscall(SYS_close, fd);
    }
    errno = before;
    if (!at || number < at) return COUNT;
    if (number > at) return grows && (kind == FULL || kind == SHORT) ? FULL : COUNT;
    if (kind == KILL_BEFORE) kill(0, SIGKILL);
    if (kind == FULL && !grows) return COUNT;
    if ((kind == SHORT || kind == TORN) && strcmp(what, "write")) return kind == TORN ? KILL_AFTER : COUNT;
    return kind;
}

#define GUARDED(type, name, concerned, grows, call)                                               \
    do {                                                                                          \
        if (!(concerned)) return call;                                                            \
        enum kind what = next(name, grows);                                                       \
        if (what == FAIL || what == FULL) { errno = error; return -1; }                           \
        type result = call;                                                                       \
        if (what == KILL_AFTER) kill(0, SIGKILL);                                          \
        return result;                                                                            \
    } while (0)

#define CHANGES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_DIRECTORY))
#define MODE(flags)                                                                               \
    mode_t mode = 0;                                                                              \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                        \
        va_list rest;                                                                             \
        va_start(rest, flags);                                                                    \
        mode = va_arg(rest, mode_t);                                                              \
        va_end(rest);                                                                             \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    GUARDED(int, "open", CHANGES(flags) && concerns(AT_FDCWD, path), flags & O_CREAT,
            REAL(open)(path, flags, mode));
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    GUARDED(int, "open", CHANGES(flags) && concerns(AT_FDCWD, path), flags & O_CREAT,
            REAL(open64)(path, flags, mode));
}
int openat(int where, const char *path, int flags, ...) {
    MODE(flags)
    GUARDED(int, "open", CHANGES(flags) && concerns(where, path), flags & O_CREAT,
            REAL(openat)(where, path, flags, mode));
}
int openat64(int where, const char *path, int flags, ...) {
    MODE(flags)
    GUARDED(int, "open", CHANGES(flags) && concerns(where, path), flags & O_CREAT,
            REAL(openat64)(where, path, flags, mode));
}

static ssize_t guarded_write(int fd, const void *from, size_t size, off_t offset) {
#define WRITE(n) (offset < 0 ? syscall(SYS_write, fd, from, n) : syscall(SYS_pwrite64, fd, from, n, offset))
    if (!size || !concerns_fd(fd)) return WRITE(size);
    enum kind what = next("write", 1);
    if (what == FAIL || what == FULL) { errno = error; return -1; }
    if ((what == SHORT || what == TORN) && size > 1) size /= 2;
    ssize_t written = WRITE(size);
    if (what == KILL_AFTER || what == TORN) kill(0, SIGKILL);
    return written;
}
ssize_t write(int fd, const void *from, size_t size) { return guarded_write(fd, from, size, -1); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) { return guarded_write(fd, from, size, offset); }
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t offset) { return guarded_write(fd, from, size, offset); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    GUARDED(ssize_t, "copy", concerns_fd(out), 1, REAL(copy_file_range)(in, from, out, to, size, flags));
}

int rename(const char *from, const char *to) {
    GUARDED(int, "rename", concerns(AT_FDCWD, to), 0, REAL(rename)(from, to));
}
int renameat(int a, const char *from, int b, const char *to) {
    GUARDED(int, "rename", concerns(b, to), 0, REAL(renameat)(a, from, b, to));
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    GUARDED(int, "rename", concerns(b, to), 0, REAL(renameat2)(a, from, b, to, flags));
}
int link(const char *from, const char *to) {
    GUARDED(int, "link", concerns(AT_FDCWD, to), 1, REAL(link)(from, to));
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    GUARDED(int, "link", concerns(b, to), 1, REAL(linkat)(a, from, b, to, flags));
}
int symlink(const char *from, const char *to) {
    GUARDED(int, "symlink", concerns(AT_FDCWD, to), 1, REAL(symlink)(from, to));
}
int symlinkat(const char *from, int b, const char *to) {
    GUARDED(int, "symlink", concerns(b, to), 1, REAL(symlinkat)(from, b, to));
}
int unlink(const char *path) {
    GUARDED(int, "unlink", concerns(AT_FDCWD, path), 0, REAL(unlink)(path));
}
int unlinkat(int where, const char *path, int flags) {
    GUARDED(int, "unlink", concerns(where, path), 0, REAL(unlinkat)(where, path, flags));
}
int fsync(int fd) { GUARDED(int, "fsync", concerns_fd(fd), 0, REAL(fsync)(fd)); }
int fdatasync(int fd) { GUARDED(int, "fsync", concerns_fd(fd), 0, REAL(fdatasync)(fd)); }
int ftruncate(int fd, off_t size) { GUARDED(int, "ftruncate", concerns_fd(fd), 0, REAL(ftruncate)(fd, size)); }
int ftruncate64(int fd, off64_t size) { GUARDED(int, "ftruncate", concerns_fd(fd), 0, REAL(ftruncate64)(fd, size)); }
int fchmod(int fd, mode_t mode) { GUARDED(int, "fchmod", concerns_fd(fd), 0, REAL(fchmod)(fd, mode)); }
int fchmodat(int where, const char *path, mode_t mode, int flags) {
    GUARDED(int, "chmod", concerns(where, path), 0, REAL(fchmodat)(where, path, mode, flags));
}
int chmod(const char *path, mode_t mode) {
    GUARDED(int, "chmod", concerns(AT_FDCWD, path), 0, REAL(chmod)(path, mode));
}
int mkdir(const char *path, mode_t mode) {
    GUARDED(int, "mkdir", concerns(AT_FDCWD, path), 1, REAL(mkdir)(path, mode));
}

/* A descriptor is gone whether closing it failed or not. */
int close(int fd) {
    int (*real)(int) = REAL(close);
    int flags = count ? fcntl(fd, F_GETFL) : -1;
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || !concerns_fd(fd)) return real(fd);
    enum kind what = next("close", 1);
    int result = real(fd);
    if (what == KILL_AFTER) kill(0, SIGKILL);
    if (what == FAIL || what == FULL) { errno = error; return -1; }
    return result;
}
