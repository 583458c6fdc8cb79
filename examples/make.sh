#!/bin/sh
# Makes the example files from source/ with the tools people use for such files.
# Needs: libreoffice-writer-nogui libreoffice-calc-nogui imagemagick libimage-exiftool-perl fonts-dejavu-core
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

office() { # office FILTER TARGET SOURCE [INPUT FILTER]
  soffice -env:UserInstallation="file://$work/profile" --headless ${4:+--infilter="$4"} \
    --convert-to "$1" --outdir "$2" "$3" >/dev/null
}

office pdf:writer_pdf_Export "$work" source/quarterly-report.html 'HTML (StarWriter)'
office 'docx:MS Word 2007 XML' "$work" source/supplier-agreement.html 'HTML (StarWriter)'

awk -f source/budget-2026.awk >"$work/budget-2026.fods"
office 'xlsx:Calc MS Excel 2007 XML' "$work" "$work/budget-2026.fods"

awk -f source/customers.awk >"$work/customers.csv"
{ printf '\377\376'; iconv -f UTF-8 -t UTF-16LE source/meeting-notes.txt; } >"$work/meeting-notes.txt"

# A drawn picture of hall and yard with the grain of a photograph.
convert -size 1600x1200 -seed 7 gradient:'#7fa6cf'-'#dfe8ee' \
  \( -size 1600x420 plasma:'#8a8d78'-'#5d604c' -modulate 100,18 -fill '#6b7048' -tint 60 -blur 0x2 \) -gravity south -composite \
  -gravity northwest -fill '#a8553f' -draw 'rectangle 180,430 1120,860' \
  -fill '#7d3d2e' -draw 'polygon 150,430 650,250 1150,430' \
  -fill '#34404d' -draw 'rectangle 260,520 400,640 rectangle 480,520 620,640 rectangle 700,520 840,640' \
  -fill '#5b6068' -draw 'rectangle 920,600 1060,860' \
  -fill '#cfd3d6' -draw 'rectangle 1240,560 1420,900' -fill '#9aa0a6' -draw 'ellipse 1330,560 90,28 0,360' \
  -attenuate 0.25 +noise Gaussian -blur 0x0.8 -quality 62 "$work/site-visit.jpg"
exiftool -quiet -overwrite_original -Make='Brannock Vey' -Model='Field Camera 4' -LensModel='24 mm f/2.8' \
  -DateTimeOriginal='2025:09:18 09:42:17' -CreateDate='2025:09:18 09:42:17' -OffsetTimeOriginal='+02:00' \
  -ExposureTime='1/320' -FNumber=5.6 -ISO=200 -FocalLength='24 mm' -Orientation#=1 \
  -ImageDescription='Site visit, hall 2 with water tank' -Artist='Brannock Vey Instruments' \
  -GPSLatitude=47.1154 -GPSLatitudeRef=N -GPSLongitude=15.3271 -GPSLongitudeRef=E -GPSAltitude=412 -GPSAltitudeRef=0 \
  "$work/site-visit.jpg"

for file in quarterly-report.pdf supplier-agreement.docx budget-2026.xlsx site-visit.jpg customers.csv meeting-notes.txt; do
  test -s "$work/$file"
  cp "$work/$file" "$file"
done
ls -l -- *.pdf *.docx *.xlsx *.jpg *.csv *.txt
