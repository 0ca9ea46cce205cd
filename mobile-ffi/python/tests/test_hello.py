"""The README's samples are these files, and they run."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"


def test_the_readme_shows_the_samples_that_are_run():
    readme = README.read_text("utf-8")
    kotlin = HERE.parents[1] / "kotlin" / "src" / "test" / "kotlin" / "app" / "rapport" / "Hello.kt"
    swift = HERE.parents[1] / "swift" / "Sources" / "Hello" / "main.swift"
    for language, sample in [("python", HERE / "hello.py"), ("kotlin", kotlin), ("swift", swift)]:
        assert f"```{language}\n{sample.read_text('utf-8')}```" in readme, f"put {sample.name} into the README"


SLOW = '''
import asyncio, sys, time
from rapport import Rapport, SecretStore

class Slow(SecretStore):
    asked = False

    def get(self, name):
        print("asked", flush=True)
        self.asked = True
        time.sleep(0.4)
        return None

    def put(self, name, value): pass
    def remove(self, name): pass

async def main():
    slow = Slow()
    opening = asyncio.create_task(Rapport.open(server="http://127.0.0.1:9", folder=sys.argv[1], app="slow 1", secrets=slow))
    while not slow.asked:
        await asyncio.sleep(0.01)
    opening.cancel()

class Late:
    """Keeps the interpreter ending for longer than the secret store needs."""
    def __del__(self, sleep=time.sleep):
        sleep(1)

sys.late = Late()
asyncio.run(main())
'''


def test_a_program_ends_well_while_a_call_is_under_way(tmp_path):
    ended = subprocess.run([sys.executable, "-c", SLOW, tmp_path / "store"], capture_output=True, text=True, encoding="utf-8")
    assert (ended.returncode, ended.stdout.splitlines()[:1]) == (0, ["asked"]), ended


def test_hello_runs(kit, tmp_path):
    kit.person("ann")
    command = [sys.executable, HERE / "hello.py", kit.url, kit.code("ann"), tmp_path]
    said = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    assert said.splitlines() == ["found by pinyin: ['佳美办公']", "waiting: 0", "customers: 1"]
