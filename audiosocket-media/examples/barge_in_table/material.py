#!/usr/bin/env python3
"""Makes the material of the table of barge-in: prompts, what callers say, hits, and music, as WAV files of 8 kHz.

    material.py DIRECTORY

`train` is for the training of the network, `dev` for the choice of thresholds, and `eval` for the table. They have
different speakers, prompts, texts, hits and music. The sources are Debian's packages of Asterisk's prompts and music and of
games, which apt-get downloads and this script unpacks, and the voices of espeak-ng and flite.
Needs apt-get, dpkg-deb, espeak-ng, flite and ffmpeg: `apt-get install espeak-ng flite ffmpeg`.

The result is the same in each run with the same versions of the packages. Tones, noise, slams, coughs and echo are made
by the evaluator (`main.rs`), out of fixed seeds.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import wave

# What the bot says: files of the longest duration first.
PROMPTS = {
    "train": ["asterisk-core-sounds-es-wav"],
    "dev": ["asterisk-core-sounds-en-wav"],
    "eval": ["asterisk-core-sounds-fr-wav", "asterisk-core-sounds-it-wav", "asterisk-core-sounds-ru-wav"],
}
PROMPTS_OF_A_PACKAGE = 40
PROMPT_SECONDS = (2.5, 15.0)

# What callers say: people, in short pieces.
CALLERS = {
    "train": ["klettres-data", "ktuberling-data", "asterisk-core-sounds-es-wav"],
    "dev": ["asterisk-core-sounds-en-wav", "asterisk-prompt-fr-armelle"],
    "eval": ["asterisk-prompt-it-menardi-wav", "asterisk-core-sounds-ru-wav", "asterisk-prompt-es-co"],
}
CALLERS_OF_A_PACKAGE = {"train": 200, "dev": 60, "eval": 60}
CALLER_SECONDS = (0.5, 2.5)

# The music of callers on hold: 5 pieces.
MUSIC = "asterisk-moh-opsound-wav"
PIECES = {"train": (0, 2), "dev": (2, 3), "eval": (3, 5)}
MUSIC_SECONDS = 50

# Recorded doors, steps and hits, out of games.
HITS = {
    "train": ["minetest-data", "teeworlds-data"],
    "dev": ["foobillardplus-data", "freedink-data", "pinball-data", "pokerth-data"],
    "eval": ["lugaru-data"],
}
HIT_NAMES = (
    r"step|foot|door|gate|chest|stair|hit(?!t)|impact|clank|thud|land|broken|break|glass|dig|dug|place|staff|splat|attach|switch|"
    r"bump|flip|nudge|axe|punch|ball|check|bet|fold|dealt|sword"
)
HIT_SECONDS = (0.02, 1.5)

# What callers say: voices of programs.
ESPEAK = {
    "train": ["en-us+m1", "en-gb+f1", "es+f2", "it+m5", "sv+m8", "tr+f3", "hi+m6", "cs+f5"],
    "dev": ["en-us+m3", "en-gb+f2", "de+m1", "fr+f4"],
    "eval": ["en-us+f3", "en-gb+m7", "nl+m2", "pt+f1", "pl+m4"],
}
FLITE = {"train": [], "dev": ["slt", "rms"], "eval": ["awb", "kal16"]}
TEXTS = {
    "train": [
        "Help.", "Not now.", "Please listen to me.", "Cancel that.", "What do you mean?", "Billing department.", "One moment.",
        "Five eight nine.", "Good morning.",
    ],
    "dev": [
        "Stop.", "Yes, please.", "No, that is wrong.", "Wait a minute.", "I want to talk to an agent.",
        "Hello? Is anybody there?", "My number is five five two.", "Okay, go on.", "Excuse me.", "Can you repeat that?",
    ],
    "eval": [
        "No.", "Yes.", "Hold on.", "Agent, please.", "That is not what I said.", "Hello, can you hear me?",
        "It is about my bill.", "Thank you, that's enough.", "Sorry, what?", "Tomorrow at nine.",
    ],
}


# The suffix of files that this script converts beside their source.
CONVERTED = ".8k.wav"


def run(*command, **options):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def unpack(package, directory):
    """Downloads a Debian package, and returns the WAV files in it, sorted."""
    target = directory / package
    if not target.exists():
        target.mkdir(parents=True)
        run("apt-get", "download", package, cwd=target)
        run("dpkg-deb", "-x", str(next(target.glob("*.deb"))), str(target))
    files = (path for path in target.rglob("*") if path.suffix in (".wav", ".gsm", ".ogg", ".wv") and path.is_file())
    return sorted(path for path in files if not path.name.endswith(CONVERTED) and path.stat().st_size > 1_000)


def convert(source, target, *options):
    if not options and is_ready(source):
        shutil.copyfile(source, target)
        return
    format = ("-ac", "1", "-ar", "8000", "-c:a", "pcm_s16le", "-bitexact")
    run("ffmpeg", "-y", "-i", str(source), *format, *options, str(target))


def is_ready(path):
    """Returns True for a WAV file of 8 kHz, 16 bits and one channel."""
    try:
        with wave.open(str(path)) as file:
            return (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8_000, 2, 1)
    except (wave.Error, EOFError):
        return False


def seconds(path):
    try:
        with wave.open(str(path)) as file:
            return file.getnframes() / file.getframerate()
    except (wave.Error, EOFError):
        return 0.0


def is_speech(path):
    """Returns False for beeps, rings, monkeys and silence."""
    return not re.search(r"beep|silence|monkey|tone|ring|music|ascending|descending|confbridge-(join|leave)", str(path))


def people(packages, count, bounds, target, cache):
    for package in packages:
        files = []
        sources = [file for file in unpack(package, cache) if is_speech(file)]
        if sources[0].suffix != ".wav":
            sources = sources[:: max(1, len(sources) // (2 * count))]
        for file in sources:
            if file.suffix != ".wav":
                wav = file.with_suffix(CONVERTED)
                try:
                    wav.exists() or convert(file, wav)
                except subprocess.CalledProcessError:
                    continue  # ffmpeg reads no file of some hundred milliseconds.
                file = wav
            if bounds[0] <= seconds(file) <= bounds[1]:
                files.append(file)
        # Every n-th file, so that the pieces come from all folders.
        step = max(1, len(files) // count)
        for number, file in enumerate(files[::step][:count]):
            convert(file, target / f"{package}.{number:03}.wav")


def programs(half, target):
    with tempfile.TemporaryDirectory() as directory:
        spoken = pathlib.Path(directory) / "spoken.wav"
        for number, text in enumerate(TEXTS[half]):
            for voice in ESPEAK[half]:
                run("espeak-ng", "-v", voice, "-w", str(spoken), text)
                convert(spoken, target / f"espeak.{voice}.{number:03}.wav")
            for voice in FLITE[half]:
                run("flite", "-voice", voice, "-t", text, "-o", str(spoken))
                convert(spoken, target / f"flite.{voice}.{number:03}.wav")


def music(half, target, cache):
    first, last = PIECES[half]
    for piece in unpack(MUSIC, cache)[first:last]:
        convert(piece, target / f"{piece.stem}.wav", "-t", str(MUSIC_SECONDS))


def hits(half, target, cache):
    for package in HITS[half]:
        named = [file for file in unpack(package, cache) if re.search(HIT_NAMES, file.stem, re.IGNORECASE)]
        for number, file in enumerate(named):
            wav = target / f"{package}.{number:03}.wav"
            convert(file, wav)
            if not HIT_SECONDS[0] <= seconds(wav) <= HIT_SECONDS[1]:
                wav.unlink()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    cache = root / "packages"
    kinds = ("prompts", "callers", "hits", "music")
    for half in ("train", "dev", "eval"):
        for kind in kinds:
            (root / half / kind).mkdir(parents=True, exist_ok=True)
        people(PROMPTS[half], PROMPTS_OF_A_PACKAGE, PROMPT_SECONDS, root / half / "prompts", cache)
        people(CALLERS[half], CALLERS_OF_A_PACKAGE[half], CALLER_SECONDS, root / half / "callers", cache)
        programs(half, root / half / "callers")
        hits(half, root / half / "hits", cache)
        music(half, root / half / "music", cache)
        for kind in kinds:
            print(half, kind, len(list((root / half / kind).glob("*.wav"))), "files")


if __name__ == "__main__":
    main()
