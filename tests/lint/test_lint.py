"""Every rule of lint.py finds what it is for, and lets the neighbouring good case pass."""

import subprocess
import sys
from pathlib import Path

import pytest

LINT = Path(__file__).with_name("lint.py")
ROOT = LINT.parents[2]
GOOD_HEADER = "#ifndef A_H\n#define A_H\n#include <stddef.h>\nsize_t sl_a(void);\n#endif\n"


def lint(tmp_path: Path, files: dict[str, str]) -> str:
    """Lays the files out as a project of their own and returns what lint prints about them."""
    for name in ("Makefile", ".clang-format"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = subprocess.run([sys.executable, LINT, tmp_path], capture_output=True, text=True)
    assert done.returncode == (0 if " 0 findings" in done.stdout else 1), done.stderr
    return done.stdout


def function(lines: int) -> str:
    return "int sl_f(void)\n{\n" + "    ;\n" * (lines - 4) + "    return 0;\n}\n"


GOOD = {
    "layers": {"schemas/a.c": '#include "common/base/a.h"\n', "common/base/a.h": GOOD_HEADER},
    "adapter": {"common/base/a.c": "#include <cjson/cJSON.h>\n"},
    "test adapter": {"tests/unit/a_test.c": "#include <librdkafka/rdkafka.h>\n"},
    "output": {"ctl/a.c": 'void f(void)\n{\n    printf("x");\n}\n'},
    "output in text": {"common/base/a.c": "/* printf(x) */\n"},
    "function": {"common/base/a.c": function(70)},
    "table": {
        "common/base/a.c": "/* clang-format off */\n/* " + "x" * 98 + " */\n/* clang-format on */\n"
    },
    "poll": {"tests/a.py": "time.sleep(0.1)  # poll: the log\n"},
}


@pytest.mark.parametrize("name", GOOD)
def test_good(tmp_path: Path, name: str) -> None:
    assert " 0 findings" in lint(tmp_path, GOOD[name])


BAD = {
    "layers": {"common/base/a.c": '#include "schemas/a.h"\n', "schemas/a.h": GOOD_HEADER},
    "layers: neighbours": {
        "gateway/a.c": '#include "public-worker/a.h"\n',
        "public-worker/a.h": GOOD_HEADER,
    },
    "layers: unknown": {"gateway/a.c": '#include "a.h"\n'},
    "adapter": {"gateway/a.c": "#include <librdkafka/rdkafka.h>\n"},
    "adapter: yaml": {"router/a.c": "#include <yaml.h>\n"},
    "output": {"gateway/a.c": 'void f(void)\n{\n    printf("x");\n}\n'},
    "output: exit": {"gateway/a.c": "void f(void)\n{\n    exit(1);\n}\n"},
    "output: stderr": {"gateway/a.c": 'void f(void)\n{\n    fprintf(stderr, "x");\n}\n'},
    "function": {"common/base/a.c": function(71)},
    "file": {"common/base/a.c": "\n".join(f"int a{i};" for i in range(801)) + "\n"},
    "columns": {"common/base/a.c": "/* " + "x" * 98 + " */\n"},
    "sleep": {"tests/a.py": "time.sleep(1)\n"},
    "sleep: C": {"tests/unit/a_test.c": "void f(void)\n{\n    usleep(1);\n}\n"},
    "path": {"docs/a.md": "see /ho" + "me/me/x\n"},
    "shell": {"deploy/a.sh": "#!/usr/bin/env bash\necho $1\n"},
    "header": {"common/base/a.h": "size_t sl_a(void);\n"},
    "format": {"common/base/a.c": "int  a;\n"},
}


@pytest.mark.parametrize("name", BAD)
def test_bad(tmp_path: Path, name: str) -> None:
    assert f"[{name.split(':')[0]}]" in lint(tmp_path, BAD[name])
