#!/usr/bin/env bash
cs_python run.py --arch=$ARCH
