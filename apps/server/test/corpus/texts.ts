/** What the files of the corpus say. Written for it, so that every word of each file is known. */

export const ENGLISH = [
  'The harbour office keeps a register of every vessel that enters the bay between sunrise and midnight. Each entry names the captain, the cargo and the berth, together with the duty that was paid and the receipt number 48213.',
  'In the second quarter the income from mooring fees rose by seven percent, while the cost of dredging fell for the third year in a row. The committee therefore recommends that the reserve of 125,000 euros be left untouched until the autumn storms have passed.',
  'Visitors often ask why the lighthouse was painted green. A storm in 1887 carried the original white plaster away, and the only pigment left in the village store was a barrel of copper paint meant for fishing boats.',
  'Please return the signed form before Friday. Questions about insurance, pilotage or fuel should be sent to the deputy harbour master, whose telephone is answered from eight until four.',
]

export const GREEK = [
  'Το λιμεναρχείο τηρεί μητρώο για κάθε πλοίο που εισέρχεται στον κόλπο από την ανατολή του ήλιου μέχρι τα μεσάνυχτα. Κάθε εγγραφή αναφέρει τον πλοίαρχο, το φορτίο και τη θέση πρόσδεσης, μαζί με το τέλος που καταβλήθηκε και τον αριθμό απόδειξης 48213.',
  'Στο δεύτερο τρίμηνο τα έσοδα από τα τέλη ελλιμενισμού αυξήθηκαν κατά επτά τοις εκατό, ενώ το κόστος της εκβάθυνσης μειώθηκε για τρίτη συνεχή χρονιά. Η επιτροπή προτείνει λοιπόν να μείνει άθικτο το αποθεματικό των 125.000 ευρώ ώσπου να περάσουν οι φθινοπωρινές καταιγίδες.',
  'Οι επισκέπτες ρωτούν συχνά γιατί ο φάρος βάφτηκε πράσινος. Μια θύελλα το 1887 παρέσυρε τον αρχικό λευκό σοβά και η μόνη χρωστική που είχε απομείνει στο μαγαζί του χωριού ήταν ένα βαρέλι χαλκοπράσινη μπογιά για ψαρόβαρκες.',
  'Παρακαλούμε επιστρέψτε το υπογεγραμμένο έντυπο πριν από την Παρασκευή. Ερωτήσεις για ασφάλειες, πλοήγηση ή καύσιμα απευθύνονται στον αναπληρωτή λιμενάρχη.',
]

export const ARABIC = [
  'يحتفظ مكتب الميناء بسجل لكل سفينة تدخل الخليج بين شروق الشمس ومنتصف الليل. يذكر كل قيد اسم القبطان والحمولة ورقم الرصيف والرسوم المدفوعة ورقم الإيصال 48213.',
  'في الربع الثاني ارتفعت الإيرادات من رسوم الرسو بنسبة سبعة في المئة، بينما انخفضت تكلفة التعميق للسنة الثالثة على التوالي. لذلك توصي اللجنة بترك الاحتياطي دون مساس حتى تمر عواصف الخريف.',
  'يسأل الزوار كثيرا لماذا طليت المنارة باللون الأخضر. في عام 1887 جرفت عاصفة الجص الأبيض الأصلي، ولم يبق في متجر القرية سوى برميل من طلاء النحاس المخصص لقوارب الصيد.',
  'يرجى إعادة النموذج الموقع قبل يوم الجمعة. ترسل الأسئلة حول التأمين أو الإرشاد أو الوقود إلى نائب مدير الميناء.',
]

export const CHINESE = [
  '港务处为日出到午夜之间进入海湾的每一艘船登记。每条记录写明船长、货物和泊位，以及已缴纳的费用和收据编号48213。',
  '第二季度的停泊费收入增长了百分之七，而疏浚费用连续第三年下降。因此委员会建议，在秋季风暴过去之前，不要动用十二万五千欧元的储备金。',
  '游客常常问灯塔为什么漆成绿色。一八八七年的一场风暴卷走了原来的白色灰泥，村里的商店只剩下一桶给渔船用的铜绿色油漆。',
  '请在星期五之前交回签好字的表格。关于保险、引航或燃料的问题，请寄给副港务长。',
]

/** In the letters of Taiwan and Hong Kong, which Big5 holds. */
export const TRADITIONAL_CHINESE = [
  '港務處為日出到午夜之間進入海灣的每一艘船登記。每條記錄寫明船長、貨物和泊位，以及已繳納的費用和收據編號48213。',
  '遊客常常問燈塔為什麼漆成綠色。一八八七年的一場風暴捲走了原來的白色灰泥，村裡的商店只剩下一桶給漁船用的銅綠色油漆。',
  '請在星期五之前交回簽好字的表格。關於保險、引航或燃料的問題，請寄給副港務長。',
]

export const JAPANESE = [
  '港湾事務所は、日の出から真夜中までに湾に入るすべての船を記録しています。各項目には船長、積荷、係留場所、支払われた料金と領収書番号48213が書かれています。',
  '観光客は、なぜ灯台が緑色に塗られたのかとよく尋ねます。一八八七年の嵐が元の白い漆喰を運び去り、村の店に残っていたのは漁船用の銅色のペンキだけでした。',
  '署名した用紙を金曜日までにお返しください。保険、水先案内、燃料についての質問は副所長に送ってください。',
]

export const RUSSIAN = [
  'Портовая контора ведёт журнал всех судов, входящих в бухту между восходом солнца и полуночью. Каждая запись называет капитана, груз и причал, а также уплаченный сбор и номер квитанции 48213.',
  'Посетители часто спрашивают, почему маяк выкрашен в зелёный цвет. Буря 1887 года унесла прежнюю белую штукатурку, и в деревенской лавке оставалась только бочка медной краски для рыбацких лодок.',
]

export const EMOJI = [
  'Opened 🎉 with tea ☕ and cake 🍰, signed ✅, filed 📎 and sent 🚀 by the keeper 😀 of the light.',
]

/** Everything that a file of many languages says, paragraph by paragraph. */
export const MANY_LANGUAGES = [...ENGLISH, ...GREEK, ...ARABIC, ...CHINESE, ...EMOJI]
