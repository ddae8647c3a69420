#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Is the committed page what its generator writes? Usage: page_test.sh GENERATOR PAGE
diff -u "$2" <("$1") && exit 0
echo "docs/isa-coverage.md is out of date: $1 > docs/isa-coverage.md"
exit 1
