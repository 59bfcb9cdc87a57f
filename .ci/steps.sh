# The steps of .ci/run: functions only, sourced.

VENV=.venv
BIN=$VENV/bin
LOGS=$(mktemp -d)
BUNDLE_PARENT=$LOGS/elsewhere   # the bundle is tried outside the checkout
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
    timeout --kill-after=10 1800 bash -euo pipefail -c "$command" 2>&1 | tee "$LOGS/pytest"
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
