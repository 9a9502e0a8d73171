#!/usr/bin/env bash
# Puts a release of plotly.js (the bundles with curves, and with 3-D scatter plots) where reports take it from.
#   scripts/update_plotly.sh 4.1.1
set -euo pipefail
version=${1:?which version of plotly.js-basic-dist-min and plotly.js-gl3d-dist-min}
library=$(cd "$(dirname "$0")/.." && pwd)/ib_runner/report/library
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for bundle in basic gl3d; do
  npm pack --silent --pack-destination "$folder" "plotly.js-$bundle-dist-min@$version"
  tar xzf "$folder/plotly.js-$bundle-dist-min-$version.tgz" -C "$folder"
  gzip -9nc "$folder/package/plotly-$bundle.min.js" > "$library/plotly-$bundle.min.js.gz"
  cp "$folder/package/LICENSE" "$library/LICENSE.plotly"
  head -c 30 "$folder/package/plotly-$bundle.min.js" | sed -n 's/^\* //p'
done
