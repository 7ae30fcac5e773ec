#!/bin/sh
# Mounts what is under test where an installation has it, and what host and guest share.
set -e
option() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
mount -t hostfs -o "$(option bench.checkout)" none /mnt/checkout
mount --bind /mnt/checkout/gaitpi /opt/gaitpi/gaitpi
mount -t hostfs -o "$(option bench.share)" none /mnt/share
