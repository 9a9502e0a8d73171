#!/usr/bin/env bash
# Puts a release of plotly.js (the bundle with curves and 3-D scatter plots) where reports take it from.
#   scripts/update_plotly.sh 4.1.1
set -euo pipefail
version=${1:?which version of plotly.js-gl3d-dist-min}
library=$(cd "$(dirname "$0")/.." && pwd)/ib_runner/report/library
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
npm pack --silent --pack-destination "$folder" "plotly.js-gl3d-dist-min@$version"
tar xzf "$folder"/*.tgz -C "$folder"
gzip -9nc "$folder/package/plotly-gl3d.min.js" > "$library/plotly-gl3d.min.js.gz"
cp "$folder/package/LICENSE" "$library/LICENSE.plotly"
head -c 30 "$folder/package/plotly-gl3d.min.js" | sed -n 's/^\* //p'
