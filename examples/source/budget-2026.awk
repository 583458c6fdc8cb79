# Writes the budget as a flat OpenDocument spreadsheet: three sheets with text, numbers, dates and formulas.
function text(value) { return "<table:table-cell office:value-type=\"string\"><text:p>" value "</text:p></table:table-cell>" }
function number(value) { return "<table:table-cell table:style-name=\"amount\" office:value-type=\"float\" office:value=\"" value "\"/>" }
function date(value) { return "<table:table-cell table:style-name=\"day\" office:value-type=\"date\" office:date-value=\"" value "\"/>" }
function formula(value) { return "<table:table-cell table:style-name=\"amount\" table:formula=\"of:=" value "\" office:value-type=\"float\"/>" }
function row(cells) { print "<table:table-row>" cells "</table:table-row>" }
function header(names,   list, count, at, cells) {
  count = split(names, list, "|")
  for (at = 1; at <= count; at++) cells = cells text(list[at])
  row(cells)
}
BEGIN {
  print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
  print "<office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" xmlns:number=\"urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0\" xmlns:of=\"urn:oasis:names:tc:opendocument:xmlns:of:1.2\" office:version=\"1.3\" office:mimetype=\"application/vnd.oasis.opendocument.spreadsheet\">"
  print "<office:automatic-styles>"
  print "<number:number-style style:name=\"n\"><number:number number:decimal-places=\"0\" number:min-integer-digits=\"1\" number:grouping=\"true\"/></number:number-style>"
  print "<number:date-style style:name=\"d\"><number:year number:style=\"long\"/><number:text>-</number:text><number:month number:style=\"long\"/><number:text>-</number:text><number:day number:style=\"long\"/></number:date-style>"
  print "<style:style style:name=\"amount\" style:family=\"table-cell\" style:data-style-name=\"n\"/><style:style style:name=\"day\" style:family=\"table-cell\" style:data-style-name=\"d\"/>"
  print "</office:automatic-styles><office:body><office:spreadsheet>"

  print "<table:table table:name=\"Summary\">"
  header("Brannock Vey Instruments: budget 2026|EUR")
  row(text("Revenue") formula("SUM([Revenue.F2:Revenue.F5])"))
  row(text("Costs") formula("SUM([Costs.C2:Costs.C13])"))
  row(text("Result") formula("[.B2]-[.B3]"))
  row(text("Board meeting") date("2025-11-04"))
  print "</table:table>"

  print "<table:table table:name=\"Revenue\">"
  header("Product line|Q1|Q2|Q3|Q4|Year")
  lines = split("Flow meters|Pressure gauges|Laboratory scales|Service and calibration", line, "|")
  split("2450000 1310000 590000 440000", base, " ")
  for (n = 1; n <= lines; n++) {
    cells = text(line[n])
    for (quarter = 0; quarter < 4; quarter++) cells = cells number(base[n] + quarter * 25000 - (n == 3) * quarter * 40000)
    row(cells formula("SUM([.B" n + 1 ":.E" n + 1 "])"))
  }
  print "</table:table>"

  print "<table:table table:name=\"Costs\">"
  header("Item|Due|EUR|Responsible")
  items = split("Wages and salaries|Castings|Electronics|Energy|Rent, Lindmoor|Insurance|Second calibration bench|Travel|Software licences|Training|Marketing|Repairs", item, "|")
  split("8350000 2960000 2410000 690000 540000 128000 120000 145000 96000 62000 310000 185000", cost, " ")
  for (n = 1; n <= items; n++) row(text(item[n]) date(sprintf("2026-%02d-%02d", n, 28 - n)) number(cost[n]) text((n % 3) ? "Finance" : "Production"))
  print "</table:table></office:spreadsheet></office:body></office:document>"
}
