# Writes 200 invented customers as CSV. The names are put together from lists, the same ones in every run.
BEGIN {
  given = split("Zoë Émile Søren Łucja Jürgen Ñuria Βασίλης Ελένη Håkon Çiğdem Iñaki Siân Þóra Jiří Ágnes Noé Małgorzata Ömer Ana Pavel", first, " ")
  family = split("Åkervall Dąbrovik Fjordhede Grünmoor Hörnvik Íbardal Jelínovec Κρηναίος Λευκάδης Müllrath Nygårdsen Órdovas Pérezal Québriac Rønnebæk Šumavec Tømmerås Ünalgör Villardón Żelazin", last, " ")
  cities = split("Lindmoor,Ostmere,Graufels,Nordhavnby,Villarosa,Παραλίμνη,Kővárhely,Świerkowo,Çamköy,Saint-Aubré", city, ",")
  countries = split("GB,GB,DE,DK,ES,GR,HU,PL,TR,FR", country, ",")
  print "customer_id,company,contact,email,city,country,segment,since,orders,revenue_eur,notes"
  for (n = 1; n <= 200; n++) {
    place = (n * 7) % cities + 1
    name = first[(n * 3) % given + 1] " " last[(n * 11 + int(n / 20)) % family + 1]
    orders = (n * 37) % 60 + 1
    note = (n % 9 == 0) ? "\"Prefers delivery on Tuesday, \"\"gate B\"\"\"" : (n % 13 == 0) ? "Rechnung in EUR – bitte per Post" : ""
    segment = (n % 7 == 3) ? "\"Dairy, cheese\"" : (n % 7 == 0) ? "Waterworks" : (n % 7 == 1) ? "Laboratory" : (n % 7 == 2) ? "Brewery" : (n % 7 == 4) ? "Ship repair" : (n % 7 == 5) ? "District heating" : "Paper mill"
    printf "C-%04d,%s %s,%s,customer%03d@example.org,%s,%s,%s,%04d-%02d-%02d,%d,%.2f,%s\n", n, last[(n * 11 + int(n / 20)) % family + 1], (n % 2) ? "& Co" : "AG", name, n, city[place], country[place], segment, 2009 + n % 16, n % 12 + 1, (n * 5) % 28 + 1, orders, orders * (180 + (n * 53) % 900) + 0.5 * (n % 2), note
  }
}
