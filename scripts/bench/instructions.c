/* A plugin for qemu-user that counts the instructions of a process and prints them as it ends:
 *
 *     instructions PID COUNT
 *
 * The declarations are those of qemu-plugin.h (QEMU 7.2), which Debian has in no package.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb; /* a block of translated instructions */
typedef uint64_t qemu_plugin_id_t;
typedef void on_translation(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void on_exit(qemu_plugin_id_t, void *);
enum { ADD_U64 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, on_translation *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, on_exit *, void *);

EXPORTED int qemu_plugin_version = 1;
static uint64_t count;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &count,
                                             qemu_plugin_tb_n_insns(block));
}

static void ended(qemu_plugin_id_t id, void *nothing)
{
    (void)id;
    (void)nothing;
    fprintf(stderr, "instructions %d %" PRIu64 "\n", getpid(), count);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *machine, int argc, char **argv)
{
    (void)machine;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
