/**
 * Words and phrases by category. A number begins the terms of that weight, which end with the next one; `(a|b)` stands
 * for either, so that each inflection is a whole word of its own. The languages are English, German, French, Spanish,
 * Italian and Greek.
 */
export const textTerms = {
  financial: `
6 invoice (number|no|date), tax invoice, (pro forma|proforma) invoice, credit note, debit note, (payslip|pay slip|wage
  slip), (bank|account) statement, statement of (account|earnings), remittance advice, tax (return|assessment), sales
  receipt, payment receipt, balance sheet
4 invoice, receipt, (net|gross) pay, (opening|closing) balance, (bill|billed|invoice) to, (total|amount|balance) due,
  purchase order, subtotal, unit price, vat (no|number|reg), sort code, (income|federal|sales|withholding) tax, tax
  year, amount payable, pay period, nonemployee compensation, quotation, cash flow statement
2 invoices, vat, amount (paid|credited), total, payment terms, due date, direct debit, standing order, deductions,
  account number, overtime, national insurance, tax code, tax withheld, payroll, qty, refunded, order number, card
  payment, change due, irs, billing, net amount, gross, supplier
1 amount, balance, tax, payment, price, discount, quantity, paid, bank transfer, pension, currency, cash, visa,
  mastercard, debit, credit
6 rechnung(snummer|sdatum|sbetrag), rechnung nr, lohnabrechnung, gehaltsabrechnung, entgeltabrechnung,
  lohnsteuerbescheinigung, kontoauszug, steuerbescheid, gutschrift nr, kostenvoranschlag, jahresabrechnung,
  nebenkostenabrechnung, einkommensteuererklärung, zahlungserinnerung
4 rechnung, quittung, kassenbon, gesamtbetrag, nettobetrag, bruttobetrag, (zahlbar|zahlung) (innerhalb|bis),
  (alter|neuer) kontostand, einzelpreis, gesamtpreis, mehrwertsteuer, umsatzsteuer, ust idnr, lohnsteuer,
  einkommensteuer, bruttolohn, nettolohn, auszahlungsbetrag, steuernummer, finanzamt, kontoinhaber, summe
  (netto|brutto), nachzahlung, endbetrag, mahnung
2 mwst, netto, brutto, lastschrift, dauerauftrag, überweisung, verwendungszweck, menge, gesamtsumme, zwischensumme,
  fällig, sozialversicherung, solidaritätszuschlag, werbungskosten, abschlag, angebot, einkünfte, buchungstag, skonto,
  steuerklasse, kundennummer, zählernummer, saldo
1 betrag, summe, zahlung, preis, konto, steuer
6 facture (n|no|numéro), note d honoraires, bulletin de (paie|salaire), fiche de paie, relevé de compte, avis d
  (impôt|imposition), avoir n, déclaration (de|des) revenus, ticket de caisse
4 facture, devis, reçu de paiement, total (ht|ttc), montant (ht|ttc|total), net à payer, net payé, tva, prix unitaire,
  date d échéance, salaire (brut|net|de base), net imposable, impôt sur le revenu, revenu fiscal, prélèvement à la
  source, siret, quittance (de|)
2 ht, ttc, quantité, désignation, virement, cotisations, acompte, solde, remise, échéance, impôt, règlement, bordereau
1 montant, prix, paiement, facturation, versement
6 (nº|n|número de|num|no) factura, recibo de (pago|nómina), extracto (de cuenta|bancario), declaración de la renta,
  nota de crédito, recibo individual, albarán valorado
4 factura, nómina, base imponible, total factura, importe total, líquido total, total devengado, salario base,
  (iva|irpf), retención, presupuesto n, saldo (anterior|final), forma de pago, precio unitario, cif, contingencias
  comunes, agencia tributaria, impuesto sobre
2 recibo, importe, cantidad, devengos, deducciones, transferencia, vencimiento, concepto, subtotal, comisión, cuota,
  impuestos, hacienda, ticket
1 precio, pago, cuenta, efectivo
6 fattura (n|nr|numero|elettronica), busta paga, cedolino, estratto conto, dichiarazione dei redditi, nota di credito,
  ricevuta (fiscale|di pagamento), scontrino, certificazione unica, preventivo n
4 fattura, partita iva, imponibile, totale (documento|fattura|da pagare), aliquota, cessionario, cedente,
  retribuzione, netto in busta, irpef, contributi inps, trattamento di fine rapporto, ricevuta, imposta, saldo
  (iniziale|finale), a saldo della
2 bonifico, quantità, prezzo unitario, importo, scadenza, lordo, netto, somma di euro, bollo, contanti, mensilità,
  agenzia delle entrate, modalità di pagamento, si riceve
1 prezzo, pagamento, euro, totale
6 τιμολόγιο πώλησης, τιμολόγιο παροχής, δελτίο αποστολής, απόδειξη (λιανικής|είσπραξης|παροχής), εκκαθαριστικό
  (σημείωμα|), πιστωτικό τιμολόγιο, πράξη διοικητικού προσδιορισμού, (δήλωση|δήλωσης) φορολογίας, μισθοδοσία(|ς),
  κίνηση λογαριασμού, αντίγραφο λογαριασμού, βεβαίωση αποδοχών
4 (τιμολόγιο|τιμολογίου|τιμολόγια), απόδειξη, καθαρή αξία, (σύνολο|συνολικό ποσό) (πληρωτέο|πληρωμής|), πληρωτέο ποσό,
  μικτές αποδοχές, φορολογικ(ού|ό) έτ(ους|ος), τιμή μονάδας, μισθοδοτική, (βασικός|μικτός|καθαρός) μισθός,
  (φόρος|φόρου) εισοδήματος, φορολογία(ς|) εισοδήματος, προσφορά, ανεξάρτητη αρχή δημοσίων εσόδων, κρατήσεις,
  ταυτότητα οφειλής
2 φπα, αφμ, δου, ποσότητα, αποδοχών, επίδομα, φόρος, φόρου, καταβολή, εισόδημα, μετρητά, ρέστα, υπόλοιπο, οφειλή,
  προκαταβολή, πληρωμή(|ς), εκπτωση, μισθωτών υπηρεσιών, τράπεζα
1 αξία, ποσό, τιμή, ευρώ, λογαριασμός`,
  contract: `
6 (non|mutual non) disclosure agreement,
  (lease|rental|tenancy|loan|licence|license|services|service|supply|employment|purchase|partnership|shareholders|consulting|settlement|confidentiality|distribution|franchise|master
  services) agreement, contract (of|for) (employment|sale|services), this agreement is (made|entered), terms and
  conditions, memorandum of understanding, deed of (sale|trust|assignment), bill of sale, subcontract
4 this agreement, the parties (hereby|agree), in witness whereof, either party, neither party,
  (hereinafter|hereafter), governing law, governed by the laws, entire agreement, force majeure, effective date, by
  and between, indemnif(y|ies|ication), confidential information, limitation of liability, (the|)
  (lessor|lessee|landlord|tenant|licensor|licensee|borrower|lender), statement of work, full force and effect,
  receiving party, disclosing party, prior written consent
2 agreement, contract, party, parties, shall, clause, termination, terminate, warranty, warrants, liability,
  undersigned, notice in writing, amendment, subcontractor, contractor, buyer, seller, signed by, witness, breach,
  employer, obligations, jurisdiction, scope of services, notice period, probationary period
1 term, signed, terms, rent, deposit, fee, written notice, agreed
6 mietvertrag, arbeitsvertrag, kaufvertrag, dienstvertrag, werkvertrag, rahmenvertrag, pachtvertrag, darlehensvertrag,
  gesellschaftsvertrag, geheimhaltungsvereinbarung, vertraulichkeitsvereinbarung, auftragsverarbeitung(svertrag|),
  aufhebungsvertrag, leihvertrag, lizenzvertrag, allgemeine geschäftsbedingungen, kooperationsvereinbarung, vertrag
  (über|zwischen)
4 vertrag, vereinbarung, nachfolgend, vermieter(in|), mieter(in|), arbeitgeber(in|), arbeitnehmer(in|),
  auftragnehmer(in|), auftraggeber(in|), vertragsparteien, vertragspartner, vertragsstrafe, salvatorische klausel,
  gerichtsstand, schriftform, probezeit, mietverhältnis, arbeitsverhältnis(ses|), verkäufer(in|), käufer(in|),
  hauptvertrag, laufzeit, lizenznehmer, lizenzgeber
2 parteien, kündigung, kündigungsfrist, haftung, kaution, vergütung, verpflichte(t|n) sich, gegenstand (des
  vertrages|dieser vereinbarung|der vereinbarung), unterschrift(en|), vertraulich(e|en|er|), gewährleistung, miete,
  grundmiete, pflichten, dritte, mietsache, urlaub, unbestimmte zeit
1 ort datum, frist, zustimmung, anlage
6 contrat de (travail|bail|location|prestation|vente|prêt|licence|service|services|franchise|mission), accord de
  (confidentialité|partenariat), bail (d habitation|commercial|professionnel), convention de (partenariat|stage|mise),
  conditions générales de, avenant (n|au contrat), compromis de vente
4 contrat, entre les soussignés, ci après (dénommé|dénommée|désigné|désignée|le|la), d une part, d autre part, il a
  été convenu, (il est|est) convenu, le (bailleur|locataire|preneur|prestataire|vendeur), l
  (acheteur|acquéreur|employeur), lu et approuvé, clause résolutoire, présent contrat, présente convention, période d
  essai, dépôt de garantie, préavis, résiliation, les parties, en deux exemplaires
2 parties, clause, bail, loyer, convention, prestataire, bailleur, locataire, obligations, engagement,
  confidentialité, durée, signature, rémunération, résilié, avenant, accord, salarié(e|)
1 conditions, engage, objet du contrat
6 contrato de
  (arrendamiento|alquiler|trabajo|compraventa|servicios|prestación|préstamo|obra|licencia|confidencialidad|colaboración),
  acuerdo de (confidencialidad|colaboración|nivel), convenio de colaboración, términos y condiciones, condiciones
  generales (de|)
4 contrato, reunidos, de una parte, de otra parte, en adelante, ambas partes, las partes, cláusula(s|), (el|la|)
  (arrendador|arrendadora|arrendatario|arrendataria|vendedor|vendedora|comprador|compradora|prestador|prestatario), en
  prueba de conformidad, exponen, partes contratantes, por duplicado, el presente (contrato|acuerdo), fianza
2 acuerdo, partes, duración, renta, obliga(n|), incumplimiento, firma(n|), vigencia, rescisión, resolución del
  contrato, indemnización, confidencial, estipulaciones, primera, segunda, tercera, convienen, pactan, comparecen,
  arrendamiento
1 precio pactado, anexo, plazo, plazos
6 contratto di
  (locazione|lavoro|vendita|compravendita|prestazione|servizi|appalto|fornitura|comodato|affitto|licenza|mutuo|consulenza),
  accordo di (riservatezza|collaborazione|segretezza), scrittura privata, condizioni generali di, lettera di incarico
4 contratto, di seguito denominat(o|a|i), si conviene, si stipula, (il|la|)
  (locatore|locatrice|conduttore|conduttrice|venditore|venditrice|acquirente|committente|fornitore|appaltatore|comodante),
  presente (contratto|accordo|scrittura), letto confermato, foro competente, le parti, deposito cauzionale, canone,
  disdetta, clausola, clausole
2 accordo, oggetto del contratto, si obbliga, si impegna, durata, recesso, risoluzione, corrispettivo, riservatezza,
  sottoscri(vono|tto|tta), duplice copia, locazione, obblighi, parti, preavviso, penale
1 firma, condizioni, inadempimento
6 ιδιωτικό συμφωνητικό, (μισθωτήριο|συμφωνητικό) (συμβόλαιο|μίσθωσης|κατοικίας|συνεργασίας), σύμβαση
  (εργασίας|έργου|μίσθωσης|παροχής|προμήθειας|συνεργασίας|δανείου|αγοραπωλησίας|εμπιστευτικότητας),
  (συμφωνία|συμφωνητικό|μνημόνιο) (εμπιστευτικότητας|συνεργασίας), όροι και προϋποθέσεις, όροι χρήσης
4 (σύμβαση|σύμβασης|συμβάσεως), συμφωνητικό, αφενός, αφετέρου, εφεξής, συμβαλλόμεν(οι|α|ων|ος|η), εκμισθωτής,
  εκμισθώτρια, μισθωτής, μισθώτρια, εργοδότης, ανάδοχος, συμφών(ήθηκαν|ούνται|ούν), συμφωνείται, αποδεκτά τα εξής, το
  παρόν συμφωνητικό, (θα|) καλείται, πωλητής, αγοραστής, αντισυμβαλλόμεν(ος|ου), υπεργολάβος, δανειστής
2 όροι, όρων, όρου, μίσθωμα, μίσθωση(|ς), διάρκεια, καταγγελία, καταγγείλει, εμπιστευτικ(ές|ότητα|ότητας|ή),
  υποχρεούται, αμοιβή, αντίτυπα, υπογράφ(εται|ουν|ηκε), υπογραφή, μέρη, ρήτρα, εγγύηση, παραβίαση(|ς), συμφωνία
1 τριετής, καταβάλλεται, υποχρεώσεις`,
  report: `
6 annual report,
  (progress|final|interim|quarterly|monthly|weekly|test|inspection|audit|incident|technical|evaluation|status|project|research|lab|laboratory)
  report, post incident report, executive summary, minutes of, table of contents, feasibility study, market
  (study|research|analysis), literature review, case study, impact assessment, white paper, survey results
4 report, minutes, this (report|study|paper), key findings, findings, methodology, apologies for absence, matters
  arising, summary of results, root cause, present apologies, date of next meeting, meeting closed, auditor s opinion,
  lessons learned, corrective actions, data analysis, sensitivity analysis, we recommend
2 abstract, summary, recommendations, conclusion(s|), results, study, survey, analysis, analysed, analyzed,
  respondents, figure, table, background, objectives, evaluation, compared with, increase of, hypothesis, sample,
  quarter, year on year, attendees, action items, present, appendix, discussion, introduction, indicators, assessment,
  budget, period
1 references, average, increased, fell, grew, percent, chapter, section, status, risks, impact, meeting, agenda,
  significant(ly|)
6 jahresbericht, abschlussbericht, geschäftsbericht, zwischenbericht, prüfbericht, tätigkeitsbericht, projektbericht,
  quartalsbericht, lagebericht, untersuchungsbericht, gutachten, sitzungsprotokoll, protokoll (der|des|über),
  machbarkeitsstudie, marktanalyse, inhaltsverzeichnis, forschungsbericht, ergebnisprotokoll
4 bericht, protokoll, studie, methodik, zusammenfassung, tagesordnung, top (1|2|3), anwesend(e|), entschuldigt,
  nächste sitzung, beschluss, ergebnisse, schlussfolgerung(en|), empfehlung(en|), untersuchung, befund
2 einleitung, zielsetzung, diskussion, auswertung, analyse, abbildung, tabelle, bewertung, umfrage, befragte(n|),
  überblick, vergleich, ausblick, fazit, anhang, literatur, messung, sitzung, teilnehmer, umsatz, verschiedenes,
  ergebnis, erfasst, untersuchungszeitraum, ortstermin
1 anstieg, vorjahr, quartal, daten, durchschnitt, projekt
6 rapport (annuel|d activité|final|d étude|d audit|de stage|technique|d expertise|d inspection|de visite|de mission),
  compte rendu (de|), procès verbal (de|), étude (d impact|de marché|de faisabilité), résumé non technique, ordre du
  jour, bilan (annuel|d activité)
4 rapport, étude, sommaire, table des matières, méthodologie, résultats, conclusion(s|), recommandations, synthèse,
  présents, excusé(s|e|es), prochaine réunion, questions diverses, enquête, analyse, la séance est levée
2 introduction, bilan, graphique, tableau, évolution, évaluation, annexe, perspectives, indicateurs, réunion, hausse,
  baisse, par rapport à, échantillon, points de mesure, décision, enquêtés, recommandons, préconisé(s|es)
1 données, moyenne, avancement, budget, objectifs
6 informe (anual|de|final|técnico|pericial), memoria (anual|de actividades), acta de (la|reunión|junta), orden del
  día, estudio de (mercado|viabilidad|impacto), resumen ejecutivo, índice de contenidos, análisis de resultados
4 informe, estudio, resultados, metodología, conclusiones, recomendaciones, resumen, asistentes, ruegos y preguntas,
  se levanta la sesión, encuesta, análisis, auditoría, acta
2 introducción, índice, gráfico, tabla, indicadores, evaluación, anexo, datos, encuestados, cuestionarios, propuestas,
  respecto al año anterior, reunión, se aprueba, por unanimidad, objetivos, muestra, satisfacción, opinión, hemos
  auditado, actividades
1 aumento, balance, promedio
6 relazione (tecnica|annuale|finale|di|sulla), rapporto (annuale|di|tecnico|finale), verbale (di|della|dell), ordine
  del giorno, studio di (fattibilità|mercato|impatto), bilancio sociale, sintesi dei risultati
4 relazione, verbale, rapporto, risultati, metodologia, conclusioni, raccomandazioni, sintesi, presenti, assenti,
  seduta, indagine, analisi, studio, sopralluogo, perizia, non conformità, assemblea
2 introduzione, premessa, sommario, indice, grafico, tabella, valutazione, osservazioni, allegati, campione,
  intervistati, all unanimità, segretario, rendiconto, confronti, si conclude, consuntivo, indicatori, stato di fatto,
  varie ed eventuali
1 dati, medio, aumento, preventivo
6 (ετήσια|τεχνική|τελική) (έκθεση|αναφορά), έκθεση (αξιολόγησης|πεπραγμένων|ελέγχου|προόδου|εσωτερικής), πρακτικό
  (συνεδρίασης|της|γενικής), πρακτικά (συνεδρίασης|της|γενικής), μελέτη (αγοράς|σκοπιμότητας|περίπτωσης|επιπτώσεων),
  ημερήσια(ς|) διάταξη(ς|), απολογισμός δράσεων
4 έκθεση, αναφορά, μελέτη, έρευνα(ς|), μεθοδολογία, αποτελέσματα, συμπεράσματα, πρακτικό, συνεδρίαση(|ς), παρόντες,
  απόντες, περίληψη, ανάλυση, αποφασίζει ομόφωνα, ευρήματα, συνήλθε, αξιολόγηση(|ς), πόρισμα
2 περιεχόμενα, εισαγωγή, πίνακα(ς|), διάγραμμα, δείγμα, ερωτηματολόγι(α|ο), προτάσεις, απολογισμ(ός|ού),
  διαπιστώνεται, προτείνεται, στοιχείων, ερωτηθέντων, παράρτημα, απόφαση, σύγκριση, ομόφωνα, βιβλιογραφία, δείκτες
1 στόχοι, δεδομένα, ποσοστό, μέσος, αύξηση, προϋπολογισμός`,
  correspondence: `
5 yours (sincerely|faithfully|truly), sincerely yours, (kind|best|warm|warmest) regards, to whom it may concern,
  original message, look forward to hearing, with best wishes, lots of love, mit
  (freundlichen|freundlichem|herzlichen|besten) (grüßen|gruß), (freundliche|viele|liebe|herzliche|beste) grüße,
  hochachtungsvoll, sehr geehrte(r|), (salutations|sentiments) distingués, salutations distinguées, veuillez agréer,
  je vous prie d agréer, bien à vous, dans l attente de votre, (reciba|reciban) un, (un cordial|cordiales)
  salud(o|os), le saluda atentamente, atentamente, quedo a la espera, muy señor(es|) (mío|míos|nuestro),
  (distinti|cordiali) saluti, (un caro|cari) saluto, in attesa di un, porgo, με εκτίμηση, με φιλικούς χαιρετισμούς,
  χαιρετισμούς, χαιρετισμός, μετά τιμής, αξιότιμ(ε|η|οι|ες), φιλικά
3 i am writing, we are writing, thank you for your, please find (attached|enclosed), (please|) let me know, look
  forward to, i enclose, hesitate to contact, best wishes, regards, cordially, (ich|wir) (freue|freuen) (mich|uns),
  anbei, bezugnehmend auf, für rückfragen, betreff, hiermit (kündige|teile|möchte), vielen dank für ihr(e|en|), je me
  permets, je vous (écris|remercie|adresse|informe|serais), suite à (notre|votre), ci joint, n hésitez pas,
  cordialement, nous vous (remercions|informons|prions), me dirijo a, le (escribo|informo), les
  (escribo|ruego|informo), os escribo, adjunto, en (contestación|respuesta) a su, un (abrazo|saludo), saludos, in
  allegato, la (ringrazio|informo), le (comunico|scrivo|scriviamo), vi (preghiamo|ringraziamo|informiamo), resto a
  disposizione, rimango in attesa, alla (c a|cortese attenzione), spett le, σας
  (ενημερώνω|ενημερώνουμε|ευχαριστ(ώ|ούμε)|απευθύνω|γράφω|αποστέλλ(ω|ουμε)|στέλνω), εκ των προτέρων, στη διάθεσή σας,
  ευχαριστώ (πολύ|θερμά), επιστολή, παρακαλ(ώ|ούμε)
1 sincerely, thanks, thank you, hope, sorry, please, apologise, reply, your (letter|email), bitte, vielen dank, danke,
  ihr schreiben, merci, votre (courrier|lettre|réponse|demande), gracias, su (carta|escrito|respuesta), ruego, grazie,
  riscontro, sua (lettera|risposta), ευχαριστ(ώ|ούμε), miss you, greetings, attached, letter, brief, lettre, carta,
  lettera`,
  identity: `
6 passport (no|number), identity card, driving licence, driver s license, residence permit, birth certificate,
  marriage certificate, certificate of (incorporation|registration|good
  standing|residence|citizenship|naturalisation), proof of (address|residence|identity), reisepass, personalausweis,
  führerschein, aufenthaltstitel, meldebestätigung, meldebescheinigung, geburtsurkunde, heiratsurkunde,
  handelsregisterauszug, gewerbeanmeldung, (gewerbeschein|ausweisnummer), carte (nationale|) d identité, titre de
  séjour, permis de conduire, acte de naissance, extrait kbis, extrait k bis, justificatif de domicile, attestation
  (de domicile|d hébergement), certificat (de résidence|d immatriculation), livret de famille, documento nacional de
  identidad, permiso de (conducir|conducción|residencia), partida de nacimiento, empadronamiento, certificado de
  (residencia|nacimiento|inscripción|empadronamiento), tarjeta de (residencia|identidad), libro de familia, carta d
  identità, patente di guida, permesso di soggiorno, certificato di
  (residenza|nascita|cittadinanza|iscrizione|attribuzione), stato di famiglia, visura (camerale|ordinaria|), tessera
  sanitaria, (δελτίο|δελτίου) ταυτότητας, αστυνομική ταυτότητα, άδεια (οδήγησης|διαμονής|ικανότητας), πιστοποιητικό
  (γέννησης|οικογενειακής|ισχύουσας|γεμη|εκπροσώπησης), βεβαίωση (μόνιμης|κατοικίας|διεύθυνσης|έναρξης), ληξιαρχική
  πράξη
5 passport, passeport, pasaporte, passaporto, διαβατήριο, identification card, permanent resident, registrar of
  companies, handelsregister, kbis, padrón municipal, γενικό εμπορικό μητρώο, register of electors
3 date of birth, place of birth, given names, date of (expiry|issue), hereby certifies, issuing authority, companies
  house, company number, social security number, staatsangehörigkeit, geburtsort, geburtsdatum, geburtstag,
  geburtsname, ausstellende behörde, stammkapital, gegenstand des unternehmens, alleinige wohnung, einzugsdatum,
  registergericht, melderegister, einwohnermeldeamt, date de naissance, lieu de naissance, registre du commerce,
  immatriculation, répertoire sirene, fecha de nacimiento, lugar de nacimiento, registro (civil|mercantil), figura
  inscrit(o|a), data di nascita, luogo di nascita, cittadinanza, ufficiale d anagrafe, anagrafe, registro
  (imprese|delle imprese), numero rea, camera di commercio, ημερομηνία γέννησης, τόπος γέννησης, όνομα
  (πατρός|μητρός), πατρώνυμο, δημοτολόγι(ο|ου), οικογενειακής μερίδας, οικογενειακή μερίδα, εκδούσα αρχή, αρχή
  έκδοσης, πιστοποιείται (ότι|), έτος γέννησης, αριθμός γ ε μη, γεμη, γ ε μη, υπουργείο προστασίας του πολίτη,
  residential address
2 nationality, surname, certify that, certifies that, citizen, familienname, vorname(n|), gültig bis, anschrift,
  bürgeramt, firma, hrb, nationalité, née le, délivré(e|) (le|par), préfecture, prénom(s|), forme juridique, capital
  social, dénomination, nacionalidad, apellidos, dni, domicilio, cognome, codice fiscale, denominazione, nat(o|a) a,
  amministratore unico, rilasciat(o|a), επώνυμο, ιθαγένεια, υπηκοότητα, επωνυμία, δημότης, χορηγείται, ύψος,
  διαχειριστής, hereby incorporated, private limited company, certificate, certificat, certificado, certificato,
  πιστοποιητικό, βεβαίωση, bescheinigung, permit, né le, né à, nac(ido|ida) (el|en)
1 sex, valid until, registered, sexe, sexo, sesso, sede legale, validez, ελληνική δημοκρατία, bundesrepublik
  deutschland, république française`,
  legal: `
6 power of attorney, last will and testament, (high|supreme|district|county|crown) court, court of
  (appeal|justice|appeals), motion to dismiss, case no, claim no, be it enacted, an act to, notice of (appeal|motion),
  know all men by these presents, in the matter of, statutory instrument, im namen des volkes, entscheidungsgründe,
  vorsorgevollmacht, generalvollmacht, vollmacht, testament,
  (landgericht|amtsgericht|oberlandesgericht|bundesgerichtshof|verwaltungsgericht|arbeitsgericht), par ces motifs,
  cour (d appel|de cassation), tribunal (judiciaire|de grande instance|administratif|correctionnel), journal officiel,
  décret n, procuration, juzgado de, antecedentes de hecho, fundamentos de derecho, boletín oficial, real decreto,
  poder (general|especial|notarial), tribunal supremo, audiencia provincial, ley orgánica, in nome del popolo, p q m,
  tribunale (di|ordinario|amministrativo|civile), corte (di cassazione|d appello), gazzetta ufficiale, decreto
  (legislativo|legge|del presidente), procura (speciale|generale), repertorio n, πρωτοδικείο, εφετείο, άρειος πάγος,
  συμβούλιο της επικρατείας, δια ταυτα, (ειδικό|γενικό|) πληρεξούσιο, εφημερίδα της κυβερνήσεως, νόμος υπ, φεκ,
  προεδρικό διάταγμα, υπουργική απόφαση, διαθήκη
4 judgment, plaintiff, claimant, defendant, respondent, appellant, attorney in fact, notary public, testator,
  executor, honorable court, affidavit, statute, guilty of an offence, urteil, kläger(in|), beklagte(r|n|),
  aktenzeichen, tatbestand, rechtsstreit(s|), klage, verordnung, gesetz, ordnungswidrig(keiten|), inkrafttreten,
  notar(in|), notariell, urkundenrolle, bevollmächtigte(r|), jugement, arrêt, appelant(e|), intimé(e|), demandeur,
  défendeur, notaire, décrète, conseil d état, condamne, sentencia, demandante, demandad(o|a), procurador(a|es|),
  notari(o|a), fallo, infracciones, disposición (derogatoria|final|adicional|transitoria), otorga poder, dispongo,
  entrada en vigor, sentenza, ricorso, ricorrente, resistente, notaio, convenuto, procuratore, decreto, legge,
  απόφασης, αγωγή, ενάγων, ενάγουσα(ς|), ενάγοντος, εναγόμεν(ος|ου|ο|η), εναγομένου, διαδίκων, συμβολαιογράφ(ος|ου),
  πληρεξούσιο, δικαστήρι(ο|ου|α), ακροατήριο, (τον|του|παρόντος|) (νόμο|νόμου|νόμος), κυρώσεις, έναρξη ισχύος,
  καταργούμενες διατάξεις, αντίκλητο, δικηγόρο(ς|ν|)
2 court, appeal, justice, pursuant to, act, hereby appoint, costs, law, attorney, counsel, section, offences, claim,
  witnesses, bequeath, complaint, gericht, kammer, verurteilt, widerruflich, absatz, rechtskräftig, tribunal, loi,
  décret, vu le, vu la, vu les, dépens, avocat, code (civil|pénal|du travail|de l environnement), entrent en vigueur,
  juzgados, tribunales, ley, decreto, recurso, pleitos, letrados, artículo, norma, regula, demanda, condeno, avvocato,
  giudizio, spese di lite, annulla, condanna, tribunale, comparso, nomina, davanti a me, ante mí, doy fe, ante(|s)
  notario, ενώπιον, βουλή, νόμου, διατάξεις, δικάζει, δικογραφία, δικάσει, ορισμοί, έφεση, άρθρου, δέχεται, juzgado,
  inkraft, verkündung, begriffsbestimmungen, geltungsbereich, behörden, vertreten
1 appoint, revoke, represent, sworn, article, hearing, judge, richter, juge, juez, giudice, δικαστής`,
  presentation: `
5 thank you for (your attention|attending|listening), key takeaways, take home messages, pitch deck, (next|previous)
  (slide|lecture), slides, (vielen dank|danke) für (ihre|eure|die) aufmerksamkeit, folien, merci (de|pour) votre
  attention, diapositive(s|), gracias por su atención, diapositiva(s|), grazie per l attenzione, ευχαριστ(ώ|ούμε) για
  την προσοχή, διαφάνει(α|ες), any questions, questions and answers
3 slide, q a, our solution, the problem, the ask, the team, market size, traction, kick off, about us, who we are,
  lecture, webinar, live demo, outline, next steps, workshop, präsentation, über uns, présentation, à retenir, qui
  sommes nous, presentación, quiénes somos, presentazione, chi siamo, παρουσίαση, ποιοι είμαστε, ερωτήσεις, fragen,
  speaker, presenter
1 agenda, questions, timeline, goals, overview, thank you, überblick, ausblick, plan, objectifs, gracias, preguntas,
  grazie, domande, contatti, στόχοι, χρονοδιάγραμμα, roadmap, vision, mission`,
  code: `
5 traceback most recent call last, public static void, exception in thread, import java, use strict, stack trace,
  syntax error, nullpointerexception
3 doctype html, localhost, stdout, stderr, npm, runtimeerror, valueerror, typeerror, segmentation fault, usr bin, etc
  nginx`,
  image: `
3 floor plan, ground floor, grundriss, maßstab, échelle, coupe, scala 1, escala 1, κλίμακα, κάτοψη, scale 1,
  elevation, drawing no, planimetria, plano de planta, schnitt`,
}

/** What a name says beyond the words of a text: short forms, and Greek in Latin letters. */
export const nameTerms = {
  financial: `
4 inv, timologi(o|a), apodeix(i|eis), apodixi, rechnung(en|), factura(s|), facture(s|), fattur(a|e),
  misthodosia(s|), ekkatharistiko, payroll, payslip(s|), gehalt, nomina(s|), paie, cedolin(o|i), kontoauszug,
  kontoauszuege, extracto, releve, statement, receipt(s|), ricevuta, quittung, recibo(s|), 1099, vat, tax, steuer,
  steuerbescheid, forologi(a|ki), enfia, devis, offerta, angebot, preventivo, presupuesto, prosfora,
  remittance, billing, creditnote
2 rg, fra, tim, bill, quote, lohn`,
  contract: `
4 nda, msa, sow, dpa, agb, vertrag, agreement, contract, contracts, contrat, contrato, contratto, symvasi,
  symfonitiko, misthotirio, lease, mietvertrag, arrendamiento, affitto, locazione, avenant, addendum, amendment,
  acuerdo, accordo, licence, license, licenza, subcontract, loan, synergasia(s|), compravendita, prestamo
2 bail, terms`,
  report: `
4 report, minutes, bericht, protokoll, rapport, informe, acta, memoria, relazione, verbale, ekthesi, meleti,
  praktika, praktiko, anafora, etude, estudio, studio, studie, analysis, analyse, analisi, gutachten, perizia,
  survey, thesis, evaluation, incident, audit, findings, ispezione
2 cr, pv, progress, lab, study`,
  correspondence: `
4 letter, schreiben, lettre, carta, lettera, epistoli, email, correo, courrier, fwd, reply,
  cover letter, anschreiben, kuendigung, kündigung, postcard, invito, invitation, einladung, aitisi, reclamacion,
  respuesta, mahnschreiben
2 re, aw, wg, mail, brief, reference`,
  identity: `
4 passport, ausweis, personalausweis, reisepass, id card, identity, taftotita, tautotita, diavatirio, passeport,
  cni, dni, nie, pasaporte, passaporto, licence driving, kbis, visura, gemi, handelsregister, empadronamiento,
  residenza, meldebescheinigung, meldebestaetigung, proof of address, certificate, geburtsurkunde,
  pistopoiitiko, justificatif, incorporation, anagrafe
2 id, birth`,
  legal: `
4 poa, judgment, judgement, urteil, arret, jugement, sentencia, sentenza, apofasi, vollmacht, procuration, procura,
  poder, plirexousio, nomos, fek, gesetz, verordnung, decret, decreto, boe, ley, loi, legge, statute,
  testament, diathiki, affidavit, court, ruling
2 act, will, motion`,
  presentation: `
4 slides, slide, deck, pitch, presentation, praesentation, präsentation, folien, diapositivas, diapo(s|),
  presentazione, presentacion, parousiasi, παρουσίαση, keynote, lecture, webinar, handout`,
  image: `
2 img, dsc, dscn, dscf, photo(s|), foto(s|), picture, pic, screenshot, bildschirmfoto, logo, drawing, sketch, plan,
  schedio, σχέδιο, zeichnung, dibujo, disegno, dessin, image, bild`,
  recording: `
3 recording, aufnahme, voice memo, enregistrement, grabacion, registrazione, ichografisi, podcast, interview, call`,
  code: `
3 src, config, log, logs, script, dockerfile, makefile, schema, migration, readme`,
}

/** What a media type says by itself, by how it begins. What nothing outweighs is worth 40. */
export const typeStarts = {
  recording: `
40 audio/, video/`,
  presentation: `
40 application/vnd.openxmlformats-officedocument.presentationml, application/vnd.ms-powerpoint,
  application/vnd.oasis.opendocument.presentation, application/vnd.apple.keynote,
  application/vnd.google-apps.presentation`,
  spreadsheet: `
9 application/vnd.openxmlformats-officedocument.spreadsheetml, application/vnd.ms-excel,
  application/vnd.oasis.opendocument.spreadsheet, application/vnd.apple.numbers, application/vnd.google-apps.spreadsheet
11 text/csv, text/tab-separated-values`,
  correspondence: `
10 message/, application/vnd.ms-outlook`,
  code: `
5 application/xml
8 application/json
12 application/javascript, application/x-sh, text/x-, text/javascript, text/css`,
  image: `
12 image/svg, image/vnd.`,
}

/** What the end of a name says where the media type says little. */
export const nameEndings = {
  code: `
8 py, js, ts, jsx, tsx, mjs, cjs, java, kt, c, h, cc, cpp, hpp, cs, go, rs, rb, php, pl, sh, bash, zsh, ps1, bat, sql,
  lua, swift, scala, r
6 css, scss, less, vue, svelte, toml, ini, cfg, conf, env, properties, yml, yaml, json, xml, lock, gradle, tf, proto,
  log, diff, patch`,
  correspondence: `
8 eml, msg, mbox`,
  spreadsheet: `
6 xls, xlsx, xlsb, xlsm, ods, numbers, csv, tsv`,
  presentation: `
10 ppt, pptx, pps, ppsx, odp`,
  recording: `
10 mp3, m4a, wav, ogg, oga, flac, aac, amr, wma, mp4, m4v, mov, avi, mkv, webm, mpg, mpeg`,
  image: `
4 jpg, jpeg, png, gif, webp, heic, heif, tif, tiff, bmp, svg, psd, ai, dwg, dxf, raw, cr2, nef`,
}
