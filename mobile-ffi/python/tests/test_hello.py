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


def test_hello_runs(kit, tmp_path):
    kit.person("ann")
    command = [sys.executable, HERE / "hello.py", kit.url, kit.code("ann"), tmp_path]
    said = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    assert said.splitlines() == ["found by pinyin: ['佳美办公']", "waiting: 0", "customers: 1"]
