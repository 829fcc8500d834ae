"""Every mistake on a command line is one line that says what to write instead, and does nothing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pi_runtime.model.file import HDF5, TFLITE
from pi_runtime.speech.engines import ENGINES
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.commands import ROOT, run_command
from tests.helpers.speech import need_engine

NONE = "/nowhere/socket"
ENGINE_NAMES = ", ".join(["auto", *ENGINES])
INSTALL = "sudo scripts/install-pi"

# What is typed; the exit code; what stderr says behind "error: ", with ¦ for |.
MISTAKES = """\
numbers
rnn-generate colab.tflite --temperature 0,5 | 2 | temperature 0,5 may be one number or two – write 0.5, or 0.0,5.0
rnn-generate colab.tflite --temperature 1,1 | 2 | temperature 1,1 may be one number or two – write 1.1, or 1.0,1.0
rnn-generate colab.tflite --temperature 1.0,0,5 | 2 | temperature 1.0,0,5 has commas that may be decimal ones – give every number a point, such as 1.0,0.0,5.0
rnn-generate colab.tflite --temperature 0,5,0,2 | 2 | temperature 0,5,0,2 has commas that may be decimal ones – give every number a point, such as 0.0,5.0,0.0,2.0
rnn-generate colab.tflite --temperature hot | 2 | --temperature is 'hot' – give a number from 0 up, or a list of them
rnn-generate colab.tflite --temperature 1_0 | 2 | --temperature is '1_0' – give a number from 0 up, or a list of them
rnn-generate colab.tflite --temperature -1 | 2 | --temperature is '-1' – give a number from 0 up, or a list of them
rnn-generate colab.tflite -n 1,5 | 2 | -n is '1,5' – give a whole number from 1 to 1000000000
rnn-generate colab.tflite --seed 1.0 | 2 | --seed is '1.0' – give a whole number from 0 to 4294967295
rnn-speak --text x --rate 0,8 | 2 | --rate is '0,8' – write 0.8
rnn-speak --text x --pitch 1,1 | 2 | --pitch is '1,1' – write 1.1
rnn-speak --text x --wait 0,5 | 2 | --wait is '0,5' – write 0.5
rnn-train poems.txt --dropout 0,5 | 2 | --dropout is '0,5' – write 0.5
rnn-train poems.txt --train-size 2 | 2 | --train-size is 2.0 – give a number from 0.01 to 1
rnn-train poems.txt --rnn-size x | 2 | --rnn-size is 'x' – give a whole number from 1 to 4096
rnn-convert colab_weights.hdf5 --max-length 0 | 2 | --max-length is 0 – give a whole number from 1 to 2000
rnn-speakd colab.tflite --interval 5x | 2 | --interval '5x' is not like 90s, 10m or 5m-20m – write one such as 10m
rnn-speakd colab.tflite --interval 20m-5m | 2 | --interval 20m-5m goes backwards – give the shorter time first
rnn-speakd colab.tflite --quiet-hours 22-7 | 2 | --quiet-hours '22-7' is not like 22:00-07:00 – write one such as 22:00-07:00, or several: 13:00-15:00,22:00-07:00
rnn-speakd colab.tflite --quiet-hours 22:00-25:00 | 2 | --quiet-hours 22:00-25:00: the clock has no such time – write one such as 22:00-07:00, or several: 13:00-15:00,22:00-07:00
rnn-speakd colab.tflite --quiet-hours 22:00-22:00 | 2 | --quiet-hours 22:00-22:00 ends when it begins – write one such as 22:00-07:00, or several: 13:00-15:00,22:00-07:00
rnn-speakd colab.tflite --quiet-hours 00:00-24:00 | 2 | --quiet-hours 00:00-24:00 leaves no time to speak – for that write --on-demand
options that are mistyped
rnn-generate colab.tflite --temprature 0.5 | 2 | --temprature is unknown, did you mean --temperature? – see rnn-generate --help
rnn-generate colab.tflite --temp 0.5 | 2 | --temp is unknown, did you mean --temperature? – see rnn-generate --help
rnn-generate colab.tflite -temperature 0.5 | 2 | -temperature is unknown, did you mean --temperature? – see rnn-generate --help
rnn-generate colab.tflite -output x | 2 | -output is unknown, did you mean --output? – see rnn-generate --help
rnn-generate colab.tflite –seed 1 | 2 | –seed begins with a dash, not with -- – type --seed
rnn-generate colab.tflite --xyzzy | 2 | --xyzzy is unknown – see rnn-generate --help
rnn-speak --text x --volum 2 | 2 | --volum is unknown, did you mean --volume? – see rnn-speak --help
rnn-speakd colab.tflite --intervall 5m | 2 | --intervall is unknown, did you mean --interval? – see rnn-speakd --help
rnn-convert colab_weights.hdf5 --quantise int8 | 2 | --quantise is unknown, did you mean --quantize? – see rnn-convert --help
rnn-train poems.txt --num-epoch 3 | 2 | --num-epoch is unknown, did you mean --num-epochs? – see rnn-train --help
rnn-doctor --onyl model | 2 | --onyl is unknown, did you mean --only? – see rnn-doctor --help
choices that are mistyped
rnn-speak --text x --engine festivl | 2 | --engine is 'festivl', did you mean festival? – take {engines}
rnn-speak --text x --engine sam | 2 | --engine is 'sam' – take {engines}
rnn-generate colab.tflite --backend nunpy | 2 | --backend is 'nunpy', did you mean numpy? – take auto, tflite, onnx, numpy
rnn-convert colab_weights.hdf5 --quantize int16 | 2 | --quantize is 'int16', did you mean int8? – take int8
rnn-train poems.txt --optimizer adm | 2 | --optimizer is 'adm', did you mean adam? – take adam, rmsprop
values that lack, and that are too many
rnn-generate colab.tflite --seed | 2 | --seed lacks its value – write --seed S
rnn-generate colab.tflite --seed --json | 2 | --seed lacks its value – write --seed S
rnn-generate colab.tflite --prefix -x | 2 | --prefix lacks its value – if -x is meant, write --prefix=-x
rnn-generate colab.tflite --json=yes | 2 | --json takes no value – write --json alone
rnn-generate colab.tflite other.tflite | 2 | other.tflite is one argument too many – see rnn-generate --help
rnn-convert | 2 | WEIGHTS is missing – see rnn-convert --help
rnn-train | 2 | TEXT is missing – see rnn-train --help
rnn-generate colab.tflite --prefix Once upon | 2 | upon follows --prefix Once and is no file – quote a text of several words: --prefix "Once upon"
rnn-speak --text Hello there | 2 | there follows --text Hello and is no file – quote a text of several words: --text "Hello there"
rnn-speak --text Hello there my friend --rate 2 | 2 | there follows --text Hello and is no file – quote a text of several words: --text "Hello there my friend"
rnn-speakd colab.tflite --prefix Once upon a time | 2 | upon follows --prefix Once and is no file – quote a text of several words: --prefix "Once upon a time"
options that are repeated
rnn-generate colab.tflite --seed 1 --seed 2 | 2 | --seed is given twice – give it once
rnn-generate colab.tflite -n 1 -n 1 | 2 | -n is given twice – give it once
rnn-generate colab.tflite -o a --output b | 2 | -o and --output exclude each other – give one of them
rnn-generate colab.tflite --json --json | 2 | --json is given twice – give it once
rnn-speak --text a --text b | 2 | --text is given twice – give it once
rnn-speak --stop --pause | 2 | --stop and --pause exclude each other – give one of them
rnn-speakd colab.tflite --rate 1 --rate 2 | 2 | --rate is given twice – give it once
rnn-convert colab_weights.hdf5 --force --force | 2 | --force is given twice – give it once
rnn-train poems.txt --validation --no-validation | 2 | --validation and --no-validation exclude each other – give one of them
options that mean nothing together: rnn-generate
rnn-generate colab.tflite --interactive -n 1 | 2 | -n has no use with --interactive – leave it out
rnn-generate colab.tflite --interactive --max-gen-length 300 | 2 | --max-gen-length has no use with --interactive – leave it out
rnn-generate colab.tflite --interactive -o x | 2 | -o has no use with --interactive – leave it out
rnn-generate colab.tflite --interactive --quiet | 2 | --quiet has no use with --interactive – leave it out
rnn-generate colab.tflite --interactive --trace t.html | 2 | --trace has no use with --interactive – leave it out
rnn-generate colab.tflite --trace t.html --json | 2 | --json has no use with --trace, which shows one text – leave it out
rnn-generate colab.tflite --trace t.html --samples | 2 | --samples has no use with --trace, which shows one text – leave it out
rnn-generate colab.tflite --trace t.html -n 2 | 2 | -n 2 has no use with --trace, which shows one text – leave it out
rnn-generate colab.tflite --trace t.html --max-gen-length 2001 | 2 | --max-gen-length 2001 is more than a page of --trace shows – give 2000 or less
rnn-generate colab.tflite --trace t.html -o ./t.html | 2 | t.html: is named with -o and with --trace – name two files
rnn-generate colab.tflite --trace - | 2 | --trace - is no file – name a file, such as why.html
rnn-generate --service x --trace t.html | 2 | --trace needs the model's file, which a service does not give – name the model file instead of the service
rnn-generate colab.tflite --top-n 3 | 2 | --top-n has no use without --interactive – leave it out, or add --interactive
rnn-generate colab.tflite --samples --temperature 1 | 2 | --temperature has no use with --samples, which has three of its own – leave it out
rnn-generate colab.tflite --samples -0 | 2 | -0 has no use with --samples, which prints headings – leave it out
rnn-generate colab.tflite --backend numpy --threads 1 | 2 | --threads has no use with --backend numpy – leave it out
rnn-generate colab.tflite --json -0 | 2 | -0 has no use with --json, which gives each text a line – leave it out
rnn-generate colab.tflite --json --separator x | 2 | --separator has no use with --json, which gives each text a line – leave it out
rnn-generate colab.tflite --jsonl -0 | 2 | -0 has no use with --jsonl, which gives each text a line – leave it out
rnn-generate colab.tflite --json --jsonl | 2 | --json and --jsonl exclude each other – give one of them
rnn-generate colab.tflite --json --csv | 2 | --json and --csv exclude each other – give one of them
rnn-generate colab.tflite --csv --separator x | 2 | --separator has no use with --csv, which gives each text a row – leave it out
rnn-generate colab.tflite --interactive --log x | 2 | --log has no use with --interactive – leave it out
rnn-generate colab.tflite --again 1 | 2 | --again has no log – name it with --log
rnn-generate colab.tflite --again 0 --log x | 2 | --again is 0 – give a whole number from 1 to 9223372036854775807
rnn-generate colab.tflite --again 1 --log x --seed 1 | 2 | --seed has no use with --again, which takes all else from the log – leave it out
rnn-generate colab.tflite --again 1 --log x --json | 2 | --json has no use with --again, which takes all else from the log – leave it out
rnn-generate colab.tflite --separator x -0 | 2 | --separator and -0 exclude each other – give one of them
rnn-generate colab.tflite --separator \\x | 2 | --separator has \\x – write \\n, \\t or \\\\; for NUL take -0
options that mean nothing together: rnn-speak
rnn-speak colab.tflite --text Hello | 2 | MODEL has no use with --text, which generates nothing – leave it out, or quote a text of several words
rnn-speak --text x --seed 1 | 2 | --seed has no use with --text, which generates nothing – leave it out
rnn-speak --text x --prefix y | 2 | --prefix has no use with --text, which generates nothing – leave it out
rnn-speak --text x --temperature 1.0,0.5,0.2,0.2 | 2 | --temperature has no use with --text, which generates nothing – leave it out
rnn-speak --text x -n 1 | 2 | -n has no use with --text, which generates nothing – leave it out
rnn-speak --text x --max-gen-length 300 | 2 | --max-gen-length has no use with --text, which generates nothing – leave it out
rnn-speak --text x --backend auto | 2 | --backend has no use with --text, which generates nothing – leave it out
rnn-speak --text x --threads 1 | 2 | --threads has no use with --text, which generates nothing – leave it out
rnn-speak --text x --command say | 2 | --command has no use without --engine command – add --engine command, or leave it out
rnn-speak --text x --engine auto --command-rate 22050 | 2 | --command-rate has no use without --engine command – add --engine command, or leave it out
rnn-speak --text x --engine command --command cat --voice v | 2 | --voice has no use with --engine command, which has no voices – leave it out
rnn-speak --text x --engine command --command cat --rate 1 | 2 | --rate has no use with --engine command, which speaks at its own – put it into the command
rnn-speak --text x --engine none --voice v | 2 | --voice has no use with --engine none, which has no voices – leave it out
rnn-speak --text x --wav a.wav --wait 5 | 2 | --wait has no use with --wav – leave it out
rnn-speak --text x --raw --wait 5 | 2 | --wait has no use with --raw – leave it out
rnn-speak --text x --raw --wav a.wav | 2 | --raw and --wav exclude each other – give one of them
rnn-speak --text x --wav a.wav --device default | 2 | --wav and --device exclude each other – give one of them
rnn-speak colab.tflite --backend numpy --threads 2 | 2 | --threads has no use with --backend numpy – leave it out
rnn-speak --status --local | 2 | --local has no use with --status – leave it out
rnn-speak --stop colab.tflite | 2 | MODEL has no use with --stop – leave it out
rnn-speak --pause --rate 1 | 2 | --rate has no use with --pause – leave it out
rnn-speak --resume --text x | 2 | --text has no use with --resume – leave it out
rnn-speak --reload --seed 1 | 2 | --seed has no use with --reload – leave it out
rnn-speak --list-engines --engine festival | 2 | --engine has no use with --list-engines – leave it out
rnn-speak --list-voices ru --language ru | 2 | --language has no use with --list-voices – leave it out
rnn-speak --events --text x | 2 | --text has no use with --events – leave it out
rnn-speak --events --stop | 2 | --events has no use with --stop – leave it out
rnn-speak --list-devices --events | 2 | --events has no use with --list-devices – leave it out
rnn-speak --list-devices --status | 2 | --status has no use with --list-devices – leave it out
options that mean nothing together: rnn-speakd
rnn-speakd colab.tflite -n 1 | 2 | -n has no use for a service, which speaks one text after the other – leave it out
rnn-speakd colab.tflite --wav a.wav | 2 | --wav has no use for a service, which plays to a sound device – leave it out
rnn-speakd colab.tflite --wav - | 2 | --wav has no use for a service, which plays to a sound device – leave it out
rnn-speakd colab.tflite --raw | 2 | --raw has no use for a service, which plays to a sound device – leave it out
rnn-speakd colab.tflite --on-demand --interval 10m | 2 | --interval has no use with --on-demand – leave one of them out
rnn-speakd colab.tflite --on-demand --quiet-hours 22:00-07:00 | 2 | --quiet-hours has no use with --on-demand – leave one of them out
rnn-speakd colab.tflite --command cat | 2 | --command has no use without --engine command – add --engine command, or leave it out
options that mean nothing together: rnn-convert, rnn-train
rnn-convert colab_weights.hdf5 --inspect -o x.tflite | 2 | -o has no use with --inspect, which writes nothing – leave it out
rnn-convert colab_weights.hdf5 --inspect --force | 2 | --force has no use with --inspect, which writes nothing – leave it out
rnn-convert colab_weights.hdf5 --inspect --quantize int8 | 2 | --quantize has no use with --inspect, which writes nothing – leave it out
rnn-train poems.txt --weights colab_weights.hdf5 --rnn-size 128 | 2 | --rnn-size has no use with --weights, whose network is that of colab_weights.hdf5 – leave it out
rnn-train poems.txt --weights colab_weights.hdf5 --max-words 9 | 2 | --max-words has no use with --weights, whose network is that of colab_weights.hdf5 – leave it out
rnn-train poems.txt --weights colab_weights.hdf5 --no-word-level | 2 | --no-word-level has no use with --weights, whose network is that of colab_weights.hdf5 – leave it out
rnn-train poems.txt --gen-epochs 1 | 2 | --gen-epochs has no use without --report – add --report, or leave it out
rnn-train poems.txt --no-corpus | 2 | --no-corpus has no use without --convert – add --convert, or leave it out
rnn-train poems.txt --max-gen-length 300 | 2 | --max-gen-length has no use without --report – add --report, or leave it out
rnn-train poems.txt --delimiter ; | 2 | --delimiter has no use without CSV – add --is-csv or --context, or leave it out
rnn-train poems.txt --is-csv --line-delimited | 2 | --line-delimited has no use with CSV, where each row is a text – leave it out
rnn-train poems.txt --validation | 2 | --validation has no use while --train-size is 1: no text is left for it – give a --train-size below 1, or leave it out
rnn-train poems.txt --name colab | 2 | colab_weights.hdf5 exists – give --force to replace it, or another --name
rnn-train poems.txt --name colab --convert --resume | 2 | colab.tflite exists – give --force to replace it, or another --name
files
rnn-generate colb.tflite | 1 | colb.tflite: no such file or directory – did you mean colab.tflite?
rnn-generate xyzzy.tflite | 1 | xyzzy.tflite: no such file or directory – there is colab.tflite, disguised.tflite, real.tflite
rnn-generate empty/colab.tflite | 1 | empty/colab.tflite: no such file or directory – name a .tflite file that rnn-convert wrote
rnn-generate colab_weights.hdf5 | 1 | colab_weights.hdf5 is a checkpoint, not a model – run: rnn-convert colab_weights.hdf5
rnn-speak colab_weights.hdf5 --wav a.wav | 1 | colab_weights.hdf5 is a checkpoint, not a model – run: rnn-convert colab_weights.hdf5
rnn-generate disguised.tflite | 1 | disguised.tflite is a checkpoint, not a model – run: rnn-convert disguised.tflite
rnn-generate colab_vocab.json | 1 | colab_vocab.json is a vocab or config, not a model – run: rnn-convert colab_weights.hdf5
rnn-generate poems.txt | 1 | poems.txt is a text, not a model – name a .tflite file; rnn-train makes one of a text
rnn-generate new.keras | 1 | new.keras is a checkpoint, not a model – run: rnn-convert new.keras
rnn-generate colab.tflite -o nodir/x.txt | 2 | nodir: no such folder – create it (mkdir -p nodir), or name another with -o
rnn-generate colab.tflite -o "no dir/x.txt" | 2 | no dir: no such folder – create it (mkdir -p 'no dir'), or name another with -o
rnn-generate colab.tflite -o nodir/ | 2 | nodir: no such folder – create it (mkdir -p nodir), or name another with -o
rnn-generate colab.tflite -o poems.txt/x | 2 | poems.txt: is no folder – name another with -o
rnn-generate colab.tflite -o empty | 2 | empty: is a folder – name a file with -o
rnn-generate colab.tflite -o - | 2 | -o - is no file – leave it out: text goes to stdout anyway
rnn-generate colab.tflite --log - | 2 | --log - is no file – name one
rnn-generate colab.tflite --log empty | 2 | empty: is a folder – name a file with --log
rnn-generate colab.tflite --log nodir/x | 2 | nodir: no such folder – create it (mkdir -p nodir), or name another with --log
rnn-generate colab.tflite --log poems.txt | 1 | poems.txt: is no log of texts – name another file with --log
rnn-generate colab.tflite --log x -o x | 2 | -o and --log name the same file – name two
rnn-generate colb.tflite --log x | 1 | colb.tflite: no such file or directory – did you mean colab.tflite?
rnn-generate colab.tflite --again 1 --log x | 1 | x: no such file or directory
rnn-generate colab.tflite --again 1 --log poems.txt | 1 | poems.txt: is no log of texts – name another file with --log
rnn-generate colab.tflite --csv --append -o poems.txt | 2 | poems.txt: its first line is not the names of the columns – name another file with -o, or leave out --append
rnn-speak --text x --wav a.mp3 | 2 | --wav a.mp3 would be a WAV file – pipe it: rnn-speak … --wav - ¦ lame - a.mp3
rnn-speak --text x --wav a.opus | 2 | --wav a.opus would be a WAV file – pipe it: rnn-speak … --wav - ¦ opusenc - a.opus
rnn-speak --text x --wav "a b.flac" | 2 | --wav a b.flac would be a WAV file – pipe it: rnn-speak … --wav - ¦ flac - -o 'a b.flac'
rnn-speak --text x --wav nodir/A.OGG | 2 | --wav nodir/A.OGG would be a WAV file – pipe it: rnn-speak … --wav - ¦ oggenc - -o nodir/A.OGG
rnn-speak --text x --wav a.m4a | 2 | --wav a.m4a would be a WAV file – pipe it: rnn-speak … --wav - ¦ ffmpeg -i - a.m4a
rnn-speak --text x --wav a.raw | 2 | --wav a.raw would be a WAV file – take rnn-speak … --raw > a.raw
rnn-speak --text x --wav speech | 2 | --wav speech would be a WAV file – name it speech.wav
rnn-speak --text x --wav poems.txt | 2 | --wav poems.txt would be a WAV file – name it poems.txt.wav
rnn-speak --text x --wav ./- | 2 | --wav ./- would be a WAV file – name it ./-.wav
rnn-speak --text x --wav /dev/null | 2 | --wav /dev/null is no file – take rnn-speak … --wav - > /dev/null
rnn-speak --text x --wav nodir/a.wav | 2 | nodir: no such folder – create it (mkdir -p nodir), or name another with --wav
rnn-speak --text x --wav empty | 2 | empty: is a folder – name a file with --wav
rnn-speak --text x --wav - --wait 5 | 2 | --wait has no use with --wav – leave it out
rnn-speak --text x --wav - --raw | 2 | --wav and --raw exclude each other – give one of them
rnn-convert real.tflite | 2 | real.tflite is a model already – run: rnn-generate real.tflite; rnn-convert takes _weights.hdf5
rnn-convert colab_vocab.json colab_config.json | 2 | colab_vocab.json is a vocab, and no weights are given – run: rnn-convert colab_weights.hdf5
rnn-convert colab_weights.hdf5 disguised.tflite | 2 | colab_weights.hdf5 and disguised.tflite are both weights – give one of them; each checkpoint is converted by itself
rnn-convert colab_weights.hdf5 poems.txt | 2 | poems.txt is neither weights nor a vocab nor a config – leave it out
rnn-convert colab_vocab.json colab_weights.hdf5 --vocab colab_vocab.json | 2 | colab_vocab.json and colab_vocab.json are both a vocab – give one of them; each checkpoint is converted by itself
languages
rnn-speak --text x --language rusian | 2 | --language is 'rusian', did you mean russian? – give a language such as en, ru, german or русский
rnn-speak --text x --language немецки | 2 | --language is 'немецки', did you mean немецкий? – give a language such as en, ru, german or русский
rnn-speak --text x --language xyzzy | 2 | --language is 'xyzzy' – give a language such as en, ru, german or русский
rnn-speak --list-voices rusian | 2 | --list-voices is 'rusian', did you mean russian? – give a language such as en, ru, german or русский
services
rnn-generate --service novels | 1 | no service novels here – {install} --service novels --model FILE
rnn-speak --service novels | 1 | no service novels here – {install} --service novels --model FILE
rnn-speak --service novels --text x | 1 | no service novels here – {install} --service novels --model FILE
rnn-speak --service novels --status | 1 | no service novels here – {install} --service novels --model FILE
rnn-generate --service a/b | 2 | --service is 'a/b' – give a name of letters, digits, -, _ and inner dots
rnn-generate --service .. | 2 | --service is '..' – give a name of letters, digits, -, _ and inner dots
rnn-generate --service control | 2 | --service control is no service's name – leave it out: rnn-speak's own
rnn-generate --service novels colab.tflite | 2 | MODEL has no use with --service – name the model file, or the service alone
rnn-generate --service novels --local | 2 | --local has no use with --service – name the model file, or the service alone
rnn-generate --service novels --backend auto | 2 | --backend has no use with a service – name the model file instead of the service
rnn-generate --service novels --interactive | 2 | --service has no use with --interactive – leave it out
rnn-generate --service novels -n 101 | 2 | -n 101 of 300 tokens is more than a service does, 100 texts and 100000 tokens – ask for less, or name the model file instead of the service
rnn-speak --service novels colab.tflite | 2 | MODEL has no use with --service – name the model file, or the service alone
rnn-speak --service novels --wav - | 2 | --wav has no use with --service – name the model file, or the service alone
rnn-speak --service novels --wav a.wav | 2 | --wav has no use with --service – name the model file, or the service alone
rnn-speak --list-engines --service novels | 2 | --service has no use with --list-engines – leave it out
RNN_SOCKET={none} rnn-generate | 1 | no service listens at {none} – start it, or unset RNN_SOCKET, which names it
RNN_SOCKET={none} rnn-speak | 1 | no service listens at {none} – start it, or unset RNN_SOCKET, which names it
RNN_SOCKET={none} rnn-speak --text x | 1 | no service listens at {none} – start it, or unset RNN_SOCKET, which names it
RNN_SOCKET={none} rnn-speak --stop | 1 | no service listens at {none} – start it, or unset RNN_SOCKET, which names it
RNN_SOCKET={none} rnn-generate --backend numpy | 2 | --backend has no use with a service – name the model file instead of the service
RNN_SOCKET={none} rnn-generate --interactive | 2 | --interactive is nothing that a service does – name the model file, or unset RNN_SOCKET
RNN_SOCKET={none} rnn-generate --trace t.html | 2 | --trace needs the model's file, which a service does not give – name the model file instead of the service
RNN_SOCKET={none} rnn-speak --wav - | 2 | --wav is nothing that a service does – name the model file, or add --local
RNN_SOCKET={none} rnn-speak --wav a.wav | 2 | --wav is nothing that a service does – name the model file, or add --local
"""  # noqa: E501 - a mistake a line
LINES = [line.split(" | ") for line in MISTAKES.splitlines() if " | " in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies about in a folder after a training."""
    folder = tmp_path_factory.mktemp("mistakes")
    model = packed_model(small_network(classes=20), small_vocab(20))
    (folder / "colab.tflite").write_bytes(model)
    (folder / "real.tflite").write_bytes(model[:4] + TFLITE + model[8:])
    (folder / "colab_vocab.json").write_text(json.dumps(small_vocab(20)))
    (folder / "colab_config.json").write_text('{"name": "colab", "rnn_size": 5}')
    (folder / "poems.txt").write_text("The woods are lovely, dark and deep.\n" * 9)
    (folder / "new.keras").write_bytes(b"PK\3\4")
    (folder / "empty").mkdir()
    for name in ("colab_weights.hdf5", "disguised.tflite"):
        (folder / name).write_bytes(HDF5 + bytes(100))
    return folder


def environment(**variables: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("RNN_SOCKET", "RNN_MODEL")}
    return {**kept, **variables}


@pytest.mark.parametrize(("typed", "code", "says"), LINES, ids=[line[0] for line in LINES])
def test_a_mistake_is_one_line_and_does_nothing(
    folder: Path, typed: str, code: str, says: str
) -> None:
    words = {"none": NONE, "engines": ENGINE_NAMES, "install": INSTALL}
    name, *argv = shlex.split(typed.format(**words).replace("\\", "\\\\").replace(";", "\\;"))
    variables = {}
    if "=" in name:
        variable, _, value = name.partition("=")
        variables[variable] = value
        name, *argv = argv
    before = sorted(folder.rglob("*"))
    done = run_command(name, *argv, cwd=folder, env=environment(**variables))
    assert done.stderr == f"error: {says.format(**words).replace('¦', '|')}\n"
    assert (done.returncode, done.stdout) == (int(code), "")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(
    Path("/etc/systemd/system/rnn-speak.service").exists() or Path("/run/rnn-speak").exists(),
    reason="the service is installed here",
)
@pytest.mark.parametrize("control", ["status", "stop", "pause", "resume"])
def test_without_a_service_its_controls_say_how_to_install_it(control: str) -> None:
    done = run_command("rnn-speak", f"--{control}", env=environment())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: no service runs here – install it: {INSTALL} --model FILE\n"


@pytest.mark.parametrize(
    "typed",
    [
        "--temperature 1.0,0.5,0.2,0.2",
        "--temperature 0.5",
        "--temperature 1",
        "--temperature 1,0.5",
        "--temperature=0",
        "--prefix=-x",
        "--prefix '- x'",
        "-n1 -q",
        "-qn1",
        "--prefix a --seed 1 -- ",
        "--threads 1 --backend auto",
    ],
)
def test_what_is_no_mistake(folder: Path, typed: str) -> None:
    done = run_command("rnn-generate", "colab.tflite", *shlex.split(typed), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr


def test_of_two_prefixes_the_last_one_counts_and_that_is_said(folder: Path) -> None:
    argv = ("rnn-generate", "colab.tflite", "--seed", 1, "--backend", "numpy")
    one = run_command(*argv, "--prefix", "son", cwd=folder)
    two = run_command(*argv, "--prefix", "no", "--prefix", "son", cwd=folder)
    assert two.stdout == one.stdout
    assert two.stderr.splitlines()[0] == "note: --prefix is given twice; the last one counts"
    quiet = run_command(*argv, "--prefix", "no", "--prefix", "son", "--quiet", cwd=folder)
    assert (quiet.stdout, quiet.stderr) == (one.stdout, "")


# --- voices --------------------------------------------------------------------------------------

ALL_THE_SAME = "--language en to have it read all the same"


@pytest.mark.parametrize(
    ("engine", "typed", "says"),
    [
        ("festival", "--voice kal_diphone --text Привет",
         "the voice kal_diphone speaks English, the text is Russian – leave --voice out, or take "
         f"one of rnn-speak --list-voices ru, or add {ALL_THE_SAME}"),
        ("espeak-ng", "--engine espeak-ng --voice en --text Привет",
         "the voice en speaks English, the text is Russian – leave --voice out, or take "
         f"one of rnn-speak --list-voices ru, or add {ALL_THE_SAME}"),
        ("espeak-ng", "--engine espeak-ng --voice de --text Привет",
         "the voice de speaks German, the text is Russian – leave --voice out, or take one of "
         "rnn-speak --list-voices ru, or add --language de to have it read all the same"),
        ("festival", "--voice kal_diphone --language russian --text Hello",
         "the voice kal_diphone speaks English, and not Russian, as asked – leave --voice out, or "
         "take one of rnn-speak --list-voices ru"),
        ("espeak-ng", "--engine espeak-ng --voice de --language en --text Hello",
         "the voice de speaks German, and not English, as asked – leave --voice out, or take one "
         "of rnn-speak --list-voices en"),
        ("espeak-ng", "--engine espeak-ng --voice de --language en colab.tflite",
         "the voice de speaks German, and not English, as asked – leave --voice out, or take one "
         "of rnn-speak --list-voices en"),
    ],
)  # fmt: skip
def test_a_voice_of_another_language(folder: Path, engine: str, typed: str, says: str) -> None:
    need_engine(engine, "en")
    done = run_command("rnn-speak", *shlex.split(typed), "--wav", "a.wav", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {says}\n")
    assert not (folder / "a.wav").exists()


@pytest.mark.parametrize(
    ("typed", "spoken"),
    [
        ("--voice de --text 'Guten Tag'", "de"),
        ("--voice de --text 123", "de"),
        ("--voice ru --text 123", "ru"),
        ("--voice uk --text Привіт", "uk"),
        ("--language Russian --text Привет", "ru"),
        ("--language РУССКИЙ --text Привет", "ru"),
        ("--language deutsch --text 'Guten Tag'", "de"),
        ("--language en --voice en --text Привет", "en"),
        ("--language pt_BR --text 'Bom dia'", "pt-br"),
        ("--language ru_RU --text Привет", "ru-ru"),
    ],
)
def test_a_voice_and_a_language_that_fit(tmp_path: Path, typed: str, spoken: str) -> None:
    need_engine("espeak-ng", "ru")
    wav = tmp_path / "a.wav"
    argv = (*shlex.split(typed), "--engine", "espeak-ng", "--wav", wav)
    done = run_command("rnn-speak", *argv)
    assert (done.returncode, done.stderr) == (0, f"espeak-ng, {spoken}, 1 sentences, {wav}\n")


def test_voices_are_listed_by_any_name_of_the_language_and_by_engine() -> None:
    need_engine("espeak-ng", "ru")
    listed = [
        run_command("rnn-speak", "--list-voices", name, "--engine", "espeak-ng").stdout
        for name in ("ru", "Russian", "русский", "rus")
    ]
    assert len(set(listed)) == 1
    assert "espeak-ng  ru      ru                  GPL-3+\n" in listed[0]
    assert all(line.startswith("espeak-ng  ru") for line in listed[0].splitlines())
    everything = run_command("rnn-speak", "--list-voices").stdout
    assert set(listed[0].splitlines()) < set(everything.splitlines())


def test_a_language_without_a_voice_is_no_empty_list() -> None:
    need_engine("espeak-ng", "en")
    done = run_command("rnn-speak", "--list-voices", "xx")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no voice here speaks xx – take one of af, ")
    argv = ("rnn-speak", "--list-voices", "ru", "--engine", "espeak-ng")
    without = run_command(*argv, env=environment(PATH="/nowhere"))
    assert without.stderr == (
        "error: no voice of espeak-ng is installed – "
        "sudo apt install espeak-ng festival festvox-kallpc16k festvox-ru\n"
    )


# --- TensorFlow stays out ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("train", ["nothing.txt"]),
        ("train", ["poems.txt", "--max-length", "9999"]),
        ("train", ["poems.txt", "--weights", "disguised.tflite"]),
        ("convert", ["colab_weights.hdf5"]),
        ("convert", ["real.tflite"]),
        ("convert", ["none.hdf5"]),
    ],
)
def test_an_error_before_tensorflow_is_needed_does_not_import_it(
    folder: Path, module: str, argv: list[str]
) -> None:
    pytest.importorskip("h5py")
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('tensorflow' in sys.modules, 'keras' in sys.modules))\n"
        f"from {module}.cli import main\nmain({argv!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder, capture_output=True, text=True, env=environment(PYTHONPATH=str(ROOT)),
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert done.stdout == "False False\n"
    assert done.stderr.splitlines()[-1].startswith("error: ")
