#!/usr/bin/env bash
# All that is measured of training on a GPU, in parts that each end within nine minutes, without a network.
#
#   benchmarks/gpu_suite.sh --pairs PAIR_SET [--out FOLDER] [PART ...]     default: all parts, in order
#   benchmarks/gpu_suite.sh --dry-run [--pairs PAIR_SET] [PART ...]        the same on a CPU at toy size, to find mistakes
#   benchmarks/gpu_suite.sh --list
#
# It needs this checkout, the pair set's folder (20,000 train rows or more; the parts take 16,384 a step) and a python3
# (or $PYTHON) with torch, transformers, sentence-transformers, pyarrow, xxhash, safetensors, PyYAML and rich. Each part
# writes OUT/gpu-PART.json (OUT is benchmarks/results; a dry run keeps nothing unless it is given): what was found,
# versions, device and the command. A part that fails does not stop the others; the exit status is then 1.
set -uo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
OUT=
PAIRS=
DRY=
ALL=(bert-base chunks bert-base-full smollm2 peer memory precision compile)
PARTS=()
LIMIT=540

while (($#)); do
  case $1 in
    --pairs) PAIRS=${2:?--pairs needs a folder}; shift 2 ;;
    --out) OUT=${2:?--out needs a folder}; shift 2 ;;
    --dry-run) DRY=1; shift ;;
    --list) printf '%s\n' "${ALL[@]}"; exit 0 ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "gpu_suite.sh: there is no flag $1; see --help" >&2; exit 2 ;;
    *)
      [[ " ${ALL[*]} " == *" $1 "* ]] || { echo "gpu_suite.sh: there is no part $1; there is ${ALL[*]}" >&2; exit 2; }
      PARTS+=("$1"); shift ;;
  esac
done
((${#PARTS[@]})) || PARTS=("${ALL[@]}")

SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
[[ $OUT ]] || { [[ $DRY ]] && OUT=$SCRATCH/results || OUT=benchmarks/results; }
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=true

if [[ $DRY ]]; then
  if [[ -z $PAIRS ]]; then
    PAIRS=$SCRATCH/pairs
    "$PYTHON" benchmarks/toy_pair_set.py "$PAIRS" || exit 1
  fi
  LIMIT=1800 # a busy CPU takes its time
  DEVICE=cpu BERT=tiny LLAMA=tiny-decoder BATCH=64 PEER_BATCH=32 MEMORY=32,64 CHUNKS=256,512
  PRECISION=float32 STEPS=4 FLOAT=bfloat16
  LENGTHS=(--anchor-length 24 --positive-length 40)
  SHORT=(--anchor-length 16 --positive-length 24)
else
  [[ -n $PAIRS ]] || { echo "gpu_suite.sh: give a pair set's folder with --pairs" >&2; exit 2; }
  DEVICE=cuda BERT=bert-base LLAMA=smollm2 BATCH=16384 PEER_BATCH=4096
  MEMORY=1024,2048,4096,8192,16384 CHUNKS=16384,32768,65536
  PRECISION=bfloat16 STEPS=40 FLOAT=bfloat16
  LENGTHS=(--anchor-length 510 --positive-length 510)
  SHORT=(--anchor-length 126 --positive-length 126)
fi
[[ -d $PAIRS ]] || { echo "gpu_suite.sh: $PAIRS is no folder" >&2; exit 2; }
mkdir -p "$OUT" "$SCRATCH/prepared"

bench() { # NAME ARGUMENT...: one call of bench_train.py and its JSON; tokens are cut once for all parts
  local name=$1
  shift
  timeout "$SECONDS_A_PART" "$PYTHON" benchmarks/bench_train.py --pairs "$PAIRS" --device "$DEVICE" "$@" \
    --prepared "$SCRATCH/prepared" --json "$OUT/gpu-$name.json"
}

part() {
  case $1 in
    bert-base) # MFU, HFU and data wait of an encoder at sequence 128 and 512, graphs kept where they fit
      SECONDS_A_PART=$((LIMIT / 2))
      bench bert-base-128 --shape "$BERT" --batch "$BATCH" "${SHORT[@]}" --precision "$PRECISION" --only pairmill &&
        bench bert-base-512 --shape "$BERT" --batch "$BATCH" "${LENGTHS[@]}" --precision "$PRECISION" --only pairmill
      ;;
    chunks) # its speed with larger chunks, and without dropout: one attention kernel a chunk instead of one a length
      bench chunks --shape "$BERT" --batch "$BATCH" "${SHORT[@]}" --precision "$PRECISION" --steps 1 --chunks "$CHUNKS"
      ;;
    bert-base-full) # the same with every chunk but one embedded twice
      bench bert-base-full --shape "$BERT" --batch "$BATCH" "${LENGTHS[@]}" --precision "$PRECISION" \
        --gradcache full --only pairmill
      ;;
    smollm2) # a decoder of SmolLM2-135M's shape
      bench smollm2 --shape "$LLAMA" --batch "$BATCH" "${LENGTHS[@]}" --precision "$PRECISION" --only pairmill
      ;;
    peer) # beside sentence-transformers and the floor
      bench peer --shape "$BERT" --batch "$PEER_BATCH" "${LENGTHS[@]}" --precision "$PRECISION"
      ;;
    memory) # peak memory from 1k to 16k pairs a step, GradCache in full
      bench memory --shape "$BERT" --memory "$MEMORY" "${SHORT[@]}" --precision "$PRECISION"
      ;;
    precision) # the losses of the same steps in float32 and bfloat16
      timeout "$SECONDS_A_PART" "$PYTHON" benchmarks/bench_precision.py --pairs "$PAIRS" --device "$DEVICE" \
        --batch "$PEER_BATCH" --steps "$STEPS" --precision "$FLOAT" --json "$OUT/gpu-precision.json"
      ;;
    compile) # torch.compile on and off, both padded
      SECONDS_A_PART=$((LIMIT / 2))
      bench compile-off --shape "$BERT" --batch "$PEER_BATCH" "${SHORT[@]}" --precision "$PRECISION" \
        --attention padded --only pairmill &&
        bench compile-on --shape "$BERT" --batch "$PEER_BATCH" "${SHORT[@]}" --precision "$PRECISION" \
          --attention padded --compile --only pairmill
      ;;
  esac
}

failed=()
for name in "${PARTS[@]}"; do
  SECONDS_A_PART=$LIMIT
  before=$SECONDS
  if part "$name"; then result=done; else
    result=FAILED
    failed+=("$name")
  fi
  echo "gpu_suite.sh: $name $result in $((SECONDS - before)) s"
done
((${#failed[@]} == 0)) || { echo "gpu_suite.sh: failed: ${failed[*]}" >&2; exit 1; }
