#!/usr/bin/env bash
set -e
cslc --arch=$ARCH ./layout.csl --fabric-dims=8,3 --fabric-offsets=4,1 \
--params=MEMCPYH2D_DATA_1_ID:2 --params=MEMCPYD2H_DATA_1_ID:3 -o=out \
--memcpy --channels=1 --width-west-buf=0 --width-east-buf=0
cs_python run.py --name out "$@"
