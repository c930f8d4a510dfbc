#!/bin/sh
# Records every golden of this folder again, or those that are named, from the root of a checkout that has been built:
#
#     golden/record.sh [NAME...]
#
# The same inputs give the same activations to the bit; floors follow the bounds of the program, and differ from those that are bundled
# where bounds have changed since. Put the bundled files back (`git checkout golden`) unless their activations were to change.
set -eu

touchstone=${TOUCHSTONE:-.build/debug/touchstone}
shakespeare=golden/models/shakespeare-gpt2
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
chosen=" $* "

is_chosen() { # NAME
  case "${chosen#  }" in "" | *" $1 "*) ;; *) return 1 ;; esac
}

record() { # NAME ARGUMENTS...
  name=$1
  shift
  is_chosen "$name" || return 0
  "$touchstone" record --overwrite --out "golden/$folder/$name.h5" "$@"
  # MANIFEST.json holds the digests of this folder.
  rm -f "golden/$folder/$name.h5.sha256"
}

# A model made from its name alone, and carried inside the golden.
tiny() { # PRESET ARGUMENTS...
  preset=$1
  shift
  is_chosen "$preset" || return 0
  "$touchstone" synthesize --preset "$preset" --out "$models/$preset" >/dev/null
  record "$preset" --model "$models/$preset" --embed-weights "$@"
}

# The same of a model that is given more than ids: a sound, a picture or vectors, which follow from the name too.
given() { # PRESET
  is_chosen "$1" || return 0
  "$touchstone" synthesize --preset "$1" --out "$models/$1" --inputs "$models/$1.h5" >/dev/null
  record "$1" --model "$models/$1" --embed-weights --inputs "$models/$1.h5"
}

# COUNT token ids of a vocabulary of the given size, each in turn.
ids() { # COUNT SIZE
  seq 0 $(($1 - 1)) | while read -r i; do echo $((i * 5 % $2)); done | paste -sd, -
}

# A mask of COUNT keys, all visible but those named.
mask() { # COUNT KEYS...
  count=$1
  shift
  seq 0 $((count - 1)) | while read -r i; do
    case " $* " in *" $i "*) echo 0 ;; *) echo 1 ;; esac
  done | paste -sd, -
}

# Positions of COUNT tokens, of which the first two are masked: ten in a row, then every second.
padded() { # COUNT
  seq 0 $(($1 - 1)) | while read -r i; do echo $((i < 2 ? 0 : i < 12 ? i - 2 : i * 2 - 14)); done | paste -sd, -
}

mkdir -p golden/cases golden/probes
folder=cases

record shakespeare-short --model $shakespeare --prompt "ROMEO:
But, soft! what light"
record shakespeare-one-token --model $shakespeare --prompt O
record shakespeare-unicode --model $shakespeare --prompt "Ô Roméo, wherefore 愛 🌹 naïve – “soft”?
"
record shakespeare-padded --model $shakespeare --tokens 37,314,297,417,274,72,89,280,25,198,33,68,69,370 \
  --attention-mask 0,0,1,1,1,1,0,0,1,1,1,0,1,1 --position-ids 0,0,0,1,2,3,4,4,4,5,6,7,7,8
record shakespeare-full-context --model $shakespeare --prompt "First Citizen:
Before we proceed any further, hear me speak.

All:
Speak, speak.

First Citizen:
You are all resolved rather to die than to famish?

All:
Resolved. resolved.

First Citizen:
First, you know Caius Marci"
record gpt2-odd-a --model golden/models/gpt2-odd-a --tokens 0,100,50,7,7,7,99,1,64,33,2,81,18,5,77,42,13,90,3

tiny tiny-heads1 --tokens 0,28,14,7,3,21,11,5,5,17,26,2,9,19,1,23
tiny tiny-odd --tokens 52,0,26,13,39,6,45,19,32,8,50,3,28,11,41,17,36,22,1
tiny tiny-vocab3 --tokens 0,1,2,2,1,0,0,2,1,1,2
tiny tiny-prime --tokens 96,0,48,24,72,12,60,36,84,6,54,30,78,18,66,42,90 \
  --attention-mask 1,1,1,0,1,1,0,1,1,1,1,0,0,1,1,1,1
tiny tiny-epsilon --tokens 30,0,15,7,22,3,18,11,26,1,13,5,20
tiny tiny-large --tokens 36,0,18,9,27,4,22,13,31,2,16,6,25
tiny tiny-offset --tokens 40,0,20,10,30,5,25,15,35,2,22,12,32
tiny tiny-erf --tokens 42,0,21,10,31,5,26,15,36,2,23,12,33
tiny tiny-relu --tokens 46,0,23,11,34,5,28,17,40,2,25,14,37
tiny tiny-untied --tokens 58,0,29,14,43,7,36,21,50,3,32,17,46 --attention-mask 0,1,1,1,1,0,1,1,1,1,1,1,1
tiny tiny-layer-scale --tokens 22,0,11,5,16,2,13,8,19,1,12,6,17
tiny tiny-unscaled --tokens 18,0,9,4,13,2,11,6,15,1,10,5,14
tiny tiny-llama3 --tokens "$(ids 45 67)"
# Positions count the tokens that are visible, as engines do that pad on the left.
tiny tiny-llama-yarn --tokens "$(ids 40 59)" --attention-mask "$(mask 40 0 1 17 30)" \
  --position-ids 0,0,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,14,15,16,17,18,19,20,21,22,23,24,25,26,26,27,28,29,30,31,32,33,34,35
for family in qwen3:43 gemma2:41 gemma3:41 olmo2:43 phi3:43; do
  tiny "tiny-${family%:*}" --tokens "$(ids 23 "${family#*:}")"
done
for family in qwen3-window:37 gemma2-listed:37 gemma3-capped:35 olmo2-biases:37 phi3-half:37; do
  tiny "tiny-${family%:*}" --tokens "$(ids 22 "${family#*:}")" --attention-mask "$(mask 22 0 1 12)" \
    --position-ids 0,0,0,1,2,3,4,5,6,7,8,9,9,10,11,12,13,14,15,16,17,18
done
for family in mistral qwen2 gemma; do
  tiny "tiny-$family" --tokens "$(ids 16 19)"
done
for family in mistral-whole qwen2-window gemma-biases; do
  tiny "tiny-$family" --tokens "$(ids 16 17)" --attention-mask "$(mask 16 0 1 9)" \
    --position-ids 0,0,0,1,2,3,4,5,6,6,7,8,9,10,11,12
done

# Two of each family with LayerNorm; OPT counts positions over its mask.
tiny tiny-neox --tokens "$(ids 25 61)"
tiny tiny-neox-sequence --tokens "$(ids 23 53)" --attention-mask "$(mask 23 0 1 9)"
tiny tiny-gptj --tokens "$(ids 25 59)"
tiny tiny-gptj-tied --tokens "$(ids 21 47)" --attention-mask "$(mask 21 3)"
tiny tiny-phi --tokens "$(ids 25 61)"
tiny tiny-phi-norms --tokens "$(ids 23 53)" --attention-mask "$(mask 23 0 11)"
tiny tiny-falcon --tokens "$(ids 25 59)"
tiny tiny-falcon-groups --tokens "$(ids 23 61)" --attention-mask "$(mask 23 0 1)"
tiny tiny-starcoder2 --tokens "$(ids 29 59)"
tiny tiny-starcoder2-bare --tokens "$(ids 21 53)" --attention-mask "$(mask 21 5)"
tiny tiny-opt --tokens "$(ids 25 61)" --attention-mask "$(mask 25 0 1 13)"
tiny tiny-opt-post --tokens "$(ids 23 59)"
tiny tiny-bloom --tokens "$(ids 25 61)"
tiny tiny-bloom-norms --tokens "$(ids 23 53)" --attention-mask "$(mask 23 0 1 9)"
tiny tiny-mpt --tokens "$(ids 25 59)"
tiny tiny-mpt-clipped --tokens "$(ids 23 53)" --attention-mask "$(mask 23 0 7)"
tiny tiny-imagegpt --tokens "$(ids 25 62)"
tiny tiny-imagegpt-layers --tokens "$(ids 21 54)" --attention-mask "$(mask 21 4)"

# One of each family with an encoder, a picture, a condition or experts.
tiny tiny-bert --tokens "$(ids 12 19)" --token-types 0,0,0,0,0,1,1,1,1,1,1,1 --attention-mask "$(mask 12 7)"
tiny tiny-roberta --tokens 0,5,7,9,11,3,16,14,8,4,2,2
tiny tiny-distilbert --tokens "$(ids 11 17)" --attention-mask "$(mask 11 3)"
tiny tiny-modernbert --tokens "$(ids 9 17)"
tiny tiny-t5 --tokens "$(ids 6 17)" --source-tokens "$(ids 8 17)" --source-mask "$(mask 8 7)"
tiny tiny-bart --tokens "$(ids 6 17)" --source-tokens "$(ids 7 17)"
tiny tiny-marian --tokens "$(ids 6 15)" --source-tokens "$(ids 7 17)" --source-mask "$(mask 7 0)"
given tiny-whisper
tiny tiny-clip-text --tokens 0,5,10,15,4,9,14,3,3
given tiny-vit
given tiny-clip-vision
given tiny-dit-block
tiny tiny-mixtral --tokens "$(ids 10 17)"
tiny tiny-qwen3-moe --tokens "$(ids 10 17)"
tiny tiny-gpt-oss --tokens "$(ids 10 17)" --attention-mask "$(mask 10 0)"
tiny tiny-deepseek-v2 --tokens "$(ids 10 17)"
tiny tiny-deepseek-v3 --tokens "$(ids 10 17)"

# What each of them hunts stands in Probes.swift and FamilyProbes.swift in Sources/TouchstoneCheckpoints, and in golden/README.md.
folder=probes
tiny probe-narrow --tokens "$(ids 150 13)" --attention-mask "$(mask 150 7 40)"
tiny probe-narrow-erf --tokens "$(ids 150 11)"
tiny probe-shapes --tokens "$(ids 45 59)" --attention-mask "$(mask 45 3 21)"
tiny probe-vocabulary --tokens 306,256,257,300,260,299,271,303,0,255,128,64,290,280,305,301,264,258,302,304,11,270,285
tiny probe-one-hot --tokens "$(ids 104 13)"
tiny probe-two-hot --tokens "$(ids 121 121)"
tiny probe-rows --tokens "$(ids 37 37)"
tiny probe-offsets --tokens "$(ids 31 31)"
tiny probe-scores --tokens "$(ids 23 23)" --attention-mask "$(mask 23 1 2 3 9 22)"
tiny probe-high-scores --tokens "$(ids 29 29)" --attention-mask "$(mask 29 0 1 12)"

# Of other families.
tiny probe-caps --tokens "$(ids 30 13)"
tiny probe-head-norms --tokens "$(ids 16 19)" --attention-mask "$(mask 16 3 11)" \
  --position-ids 0,0,1,1,2,3,4,5,6,7,8,8,10,13,17,22
tiny probe-joined-norms --tokens "$(ids 26 29)"
tiny probe-far-positions --tokens "$(ids 22 13)" \
  --position-ids 0,1,2,3,4,5,6,7,9,11,13,17,25,40,63,100,159,251,631,1585,3981,4000
tiny probe-biases --tokens "$(ids 19 19)" --attention-mask "$(mask 19 0 1 13)" --position-ids "$(padded 19)"
tiny probe-neighbours --tokens "$(ids 23 23)"
tiny probe-groups --tokens "$(ids 21 23)" --attention-mask "$(mask 21 0 1)" --position-ids "$(padded 21)"
tiny probe-slopes --tokens "$(ids 13 17)" --attention-mask "$(mask 13 0 1 9)"
tiny probe-clipped --tokens "$(ids 16 17)" --attention-mask "$(mask 16 0 7)"
tiny probe-narrow-table --tokens "$(ids 21 21)" --attention-mask "$(mask 21 0 1 13)"
tiny probe-both-signs --tokens "$(ids 26 27)" --attention-mask "$(mask 26 4)" --position-ids "$(padded 26)"

# Of encoders, pictures, conditions and experts.
tiny probe-first-row --tokens 0,1,2,3,4
tiny probe-one-side --tokens 0,1,2,3 --token-types 0,1,1,0
tiny probe-padding --tokens 5,10,15,2,8,13,2,1,6,2,16
tiny probe-both-sides --tokens "$(ids 13 17)" --attention-mask "$(mask 13 6)"
tiny probe-distances --tokens "$(ids 13 23)" --source-tokens "$(ids 19 23)" --source-mask "$(mask 19 0 9)"
tiny probe-sources --tokens "$(ids 9 19)" --source-tokens "$(ids 11 19)" --source-mask "$(mask 11 4)"
tiny probe-waves --tokens "$(ids 9 19)" --source-tokens "$(ids 11 19)"
given probe-sounds
tiny probe-ends --tokens 0,5,10,15,4,9,14,2,7,12,1,6,11,16,3,8,13,3
given probe-patches
given probe-conditions
given probe-one-condition
tiny probe-routes --tokens "$(ids 17 23)"
tiny probe-sinks --tokens "$(ids 19 23)" --attention-mask "$(mask 19 0 5)"
tiny probe-groups-of-experts --tokens "$(ids 21 23)"

"$touchstone" manifest golden

# The program holds the digest of its own goldens' manifest: build it again.
digest=$(sha256sum golden/MANIFEST.json | cut -d " " -f 1)
sed -i.old "s/\"[0-9a-f]\{64\}\"/\"$digest\"/" Sources/TouchstoneGolden/Trust/BundledManifest.swift
rm Sources/TouchstoneGolden/Trust/BundledManifest.swift.old
