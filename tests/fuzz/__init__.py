"""Structure-aware fuzzing: mutants of every kind of thing that a stranger can hand to this package.

    python -m tests.fuzz KIND                       1,000 mutants of a kind
    python -m tests.fuzz KIND --count 20000
    python -m tests.fuzz KIND --first 5000 --count 100
    python -m tests.fuzz KIND --only 8937 --save /tmp/found

A mutant depends on its number alone, so a number found once is found again. `cases.py` says what
counts as an offence; each kind is a module that says what it changes and what a wrong success is.
`test_fuzz.py` runs the first mutants of every kind.
"""
