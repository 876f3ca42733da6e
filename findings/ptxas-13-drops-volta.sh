#!/usr/bin/env bash
# ptxas 13 refuses sm_70 as a target, and takes the very text that says `.target sm_70`, in PTX 7.0,
# for every newer card.
#
# So PTX for Volta and newer stays valid, a driver with CUDA 13 compiles it for all but Volta, and
# whoever assembles it for the oldest card that its text names finds that out alone.
#
# Versions: nvidia-cuda-nvcc-cu12 12.9.86, nvidia-cuda-nvcc 13.5.37 (wheels of PyPI, x86-64).
# Behaviour: 12.9 assembles it for sm_70, sm_75 and sm_120; 13.5 for the latter two.
# Seen (2026-11-30): `ptxas fatal   : Value 'sm_70' is not defined for option 'gpu-name'`
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/one.ptx" <<'PTX'
.version 7.0
.target sm_70
.address_size 64
.visible .entry one(.param .u64 out)
{
    .reg .b64 %rd<3>;
    .reg .b32 %r<2>;
    ld.param.u64 %rd1, [out];
    cvta.to.global.u64 %rd2, %rd1;
    mov.u32 %r1, 1;
    st.global.u32 [%rd2], %r1;
    ret;
}
PTX
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/12" nvidia-cuda-nvcc-cu12==12.9.86
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/13" nvidia-cuda-nvcc==13.5.37
old=$work/12/nvidia/cuda_nvcc/bin/ptxas new=$work/13/nvidia/cu13/bin/ptxas
for arch in sm_70 sm_75 sm_120; do
    "$old" -arch=$arch "$work/one.ptx" -o "$work/one.cubin" && echo "12.9 $arch: assembled"
done
for arch in sm_75 sm_120; do
    "$new" -arch=$arch "$work/one.ptx" -o "$work/one.cubin" && echo "13.5 $arch: assembled"
done
if said=$("$new" -arch=sm_70 "$work/one.ptx" -o "$work/one.cubin" 2>&1); then
    echo "CHANGED: 13.5 assembles for sm_70"
    exit 1
fi
echo "13.5 sm_70: $said"
grep -q "'sm_70' is not defined for option 'gpu-name'" <<<"$said" || { echo "CHANGED: another reason"; exit 1; }
echo "as described"
