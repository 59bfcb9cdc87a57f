# The steps of .ci/run: functions only, sourced.

VENV=.venv
BIN=$VENV/bin
LOGS=$(mktemp -d)
BUNDLE_PARENT=$LOGS/elsewhere   # the bundle is tried outside the checkout
INSTALLED=$LOGS/installed       # where the README's first command is tried
FAILED=()
trap 'rm -rf "$LOGS"' EXIT

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONUNBUFFERED=1
export OPENBLAS_NUM_THREADS=1
if [ -z "${TINYML_DATA:-}" ] && [ -d ../shared/data ]; then
    TINYML_DATA=$(cd ../shared/data && pwd)
    export TINYML_DATA
fi

say() { printf '\n== %s\n' "$*"; }

# step NAME COMMAND...: a failure is reported and the next step still runs.
# A function runs in a subshell with errexit: `if ! f` would switch it off inside f.
step() {
    local name=$1 start=$SECONDS status
    shift
    say "$name"
    set +e
    (set -e; "$@")
    status=$?
    set -e
    printf -- '-- %s: %s, %d s\n' "$name" "$([ $status = 0 ] && echo ok || echo "FAILED ($status)")" $((SECONDS - start))
    [ $status = 0 ] || FAILED+=("$name")
    return 0
}

# run_step: the same, but nothing after it could work.
run_step() {
    step "$@"
    [ ${#FAILED[@]} = 0 ] || finish
}

finish() {
    say "summary, $SECONDS s"
    [ ${#FAILED[@]} = 0 ] || printf 'failed: %s\n' "${FAILED[@]}"
    [ ! -s "$LOGS/pytest" ] || tail -n 1 "$LOGS/pytest"
    [ ${#FAILED[@]} = 0 ]
    exit
}

# The packages are named once, in the README's two apt-get commands.
packages() {
    local name
    for name in "window libraries" "test tools"; do
        readme_command "$name" | sed -n 's/^.*--no-install-recommends //p'
    done
}

missing_packages() {
    local name
    for name in $(packages); do
        dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
}

install_system_packages() {
    local missing
    command -v apt-get >/dev/null || { echo "not a Debian system: taking the libraries as they are"; return 0; }
    missing=$(missing_packages)
    [ -n "$missing" ] || { echo "all there"; return 0; }
    if [ "$(id -u)" != 0 ]; then
        echo "not root; if a later step fails, install:" $missing
        return 0
    fi
    export DEBIAN_FRONTEND=noninteractive
    # A machine with some other broken source can still have what is needed here.
    apt-get update -qq || echo "apt-get update failed; trying with the lists at hand"
    apt-get install -y -qq --no-install-recommends $missing >"$LOGS/apt" 2>&1 || { tail -n 20 "$LOGS/apt"; return 1; }
    echo "installed:" $missing
}

make_environment() {
    "${PYTHON:-python3}" -m venv "$VENV"
    "$BIN/pip" install -q -e ".[dev,verify]"
    # The ground truth of the gradient tests; they skip where it cannot be had.
    "$BIN/pip" install -q "torch==2.13.0" || echo "no PyTorch: the comparisons with it will be skipped"
    "$BIN/python" --version
    "$BIN/pip" list 2>/dev/null | grep -iE '^(numpy|pyside6|pyqtgraph|torch|pyinstaller) ' || true
}

# readme_command NAME: the code block between <!-- command: NAME --> and the closing fence.
readme_command() {
    awk -v start="<!-- command: $1 -->" '
        index($0, start) { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside { print }
    ' README.md
}

run_readme_command() {
    local command
    command=$(readme_command "$1")
    [ -n "$command" ] || { echo "README.md has no command named $1"; return 1; }
    printf '%s\n' "$command"
    export PYTEST_ADDOPTS="${PYTEST_ADDOPTS:-} --durations=20"
    timeout --kill-after=10 1800 bash -euo pipefail -c "$command" 2>&1 | tee "$LOGS/pytest"
}

# The README's first command as a user gives it, in a copy of what is committed: what is needed must be in
# the package and its dependencies. Its last part starts the window and is left out.
try_first_command() {
    local command base
    command=$(readme_command start)
    [[ "$command" == *" && .venv/bin/tinyml-gui" ]] || { echo "the README's first command is another one"; return 1; }
    command=${command% && .venv/bin/tinyml-gui}
    printf '%s\n' "$command"
    mkdir -p "$INSTALLED/copy" "$INSTALLED/elsewhere" "$INSTALLED/home"
    git archive HEAD | tar -x -C "$INSTALLED/copy"
    # python3 is the one that everything else here was made with; pip keeps its cache.
    base=$("$BIN/python" -c 'import sys; print(sys.base_prefix)')
    (cd "$INSTALLED/copy" && PATH="$base/bin:$PATH" timeout 600 \
        env -u PYTHONPATH -u PYTHONHOME -u VIRTUAL_ENV bash -euo pipefail -c "$command") \
        >"$LOGS/install" 2>&1 || { tail -n 20 "$LOGS/install"; return 1; }
    cd "$INSTALLED/elsewhere"
    outside env QT_QPA_PLATFORM=offscreen timeout 300 "$INSTALLED/copy/.venv/bin/tinyml-gui" --self-test
    draw_one one.png
    predict_one one.png
}

# outside COMMAND...: run it with nothing of this checkout's Python around.
outside() { env -u PYTHONPATH -u PYTHONHOME -u VIRTUAL_ENV -u TINYML_DATA HOME="$INSTALLED/home" "$@"; }

draw_one() {
    outside "$INSTALLED/copy/.venv/bin/python" - "$1" <<'PYTHON'
import sys

from PIL import Image, ImageDraw

picture = Image.new("L", (120, 120), 255)
ImageDraw.Draw(picture).line([(64, 15), (56, 105)], fill=0, width=10)
picture.save(sys.argv[1])
PYTHON
}

# predict_one PICTURE: the shipped network must read it as a 1.
predict_one() {
    local found
    found=$(outside timeout 120 "$INSTALLED/copy/.venv/bin/tinyml" predict digits "$1" --json)
    echo "$found"
    "$INSTALLED/copy/.venv/bin/python" -c '
import json, sys
best = json.loads(sys.argv[1])["results"][0]["top"][0]
sys.exit(f"read as {best}, not as 1" if best["class"] != "1" else 0)
' "$found"
}

build_bundle() {
    "$BIN/pyinstaller" --noconfirm --log-level WARN --workpath "$LOGS/build" --distpath "$LOGS/dist" build.spec
    mkdir "$BUNDLE_PARENT"
    mv "$LOGS/dist/tinyml-studio" "$BUNDLE_PARENT/"
    du -sh "$BUNDLE_PARENT/tinyml-studio" | cut -f1
}

# in_bundle COMMAND...: run it in an empty folder elsewhere, with none of this checkout's Python around.
in_bundle() {
    cd "$BUNDLE_PARENT"
    env -u PYTHONPATH -u PYTHONHOME -u VIRTUAL_ENV -u TINYML_DATA HOME="$BUNDLE_PARENT/home" "$@"
}

try_bundle_offscreen() { in_bundle env QT_QPA_PLATFORM=offscreen timeout 300 tinyml-studio/tinyml-gui --self-test; }

try_bundle_in_window() {
    in_bundle env QT_QPA_PLATFORM=xcb timeout 300 \
        xvfb-run -a -s "-screen 0 1600x1000x24" tinyml-studio/tinyml-gui --self-test
}

try_bundle_command_line() {
    in_bundle timeout 120 tinyml-studio/tinyml info lenet --json >/dev/null
    in_bundle timeout 120 tinyml-studio/tinyml data list
}
