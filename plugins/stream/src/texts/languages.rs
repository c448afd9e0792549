//! The languages that names of subtitles tell of: ISO 639-1 where there is a code, with both of ISO 639-2's.

/// The shortest code of a language, as BCP 47 wants it, from any of its codes or its English name; none if there is no such
/// language.
pub fn shortest(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let line = LANGUAGES
        .lines()
        .find(|line| line.split(' ').any(|code| code == word))?;
    line.split(' ').next()
}

/// The codes of a language, the shortest first, and its English name where files are called by it.
const LANGUAGES: &str = "\
aa aar
ab abk
af afr afrikaans
ak aka
am amh amharic
an arg
ar ara arabic
as asm
av ava
ay aym
az aze azerbaijani
ba bak
be bel belarusian
bg bul bulgarian
bi bis
bm bam
bn ben bengali
bo bod tib tibetan
br bre breton
bs bos bosnian
ca cat catalan
ce che
ch cha
co cos corsican
cs ces cze czech
cu chu
cv chv
cy cym wel welsh
da dan danish
de deu ger german
dv div
dz dzo
ee ewe
el ell gre greek
en eng english
eo epo esperanto
es spa spanish
et est estonian
eu eus baq basque
fa fas per persian farsi
ff ful
fi fin finnish
fj fij
fo fao faroese
fr fra fre french
fy fry frisian
ga gle irish
gd gla gaelic
gl glg galician
gn grn
gu guj gujarati
gv glv
ha hau hausa
he heb hebrew
hi hin hindi
ho hmo
hr hrv croatian
ht hat
hu hun hungarian
hy hye arm armenian
hz her
ia ina
id ind indonesian
ie ile
ig ibo igbo
ii iii
ik ipk
io ido
is isl ice icelandic
it ita italian
iu iku
ja jpn japanese
jv jav javanese
ka kat geo georgian
kg kon
ki kik
kj kua
kk kaz kazakh
kl kal
km khm khmer
kn kan kannada
ko kor korean
kr kau
ks kas
ku kur kurdish
kv kom
kw cor
ky kir kyrgyz
la lat latin
lb ltz luxembourgish
lg lug
li lim
ln lin
lo lao
lt lit lithuanian
lu lub
lv lav latvian
mg mlg malagasy
mh mah
mi mri mao maori
mk mkd mac macedonian
ml mal malayalam
mn mon mongolian
mr mar marathi
ms msa may malay
mt mlt maltese
my mya bur burmese
na nau
nb nob
nd nde
ne nep nepali
ng ndo
nl nld dut dutch flemish
nn nno
no nor norwegian
nr nbl
nv nav
ny nya
oc oci occitan
oj oji
om orm
or ori
os oss
pa pan punjabi
pi pli
pl pol polish
ps pus pashto
pt por portuguese
qu que
rm roh
rn run
ro ron rum romanian
ru rus russian
rw kin
sa san sanskrit
sc srd
sd snd
se sme
sg sag
si sin sinhala
sk slk slo slovak
sl slv slovenian
sm smo
sn sna
so som somali
sq sqi alb albanian
sr srp serbian
ss ssw
st sot
su sun sundanese
sv swe swedish
sw swa swahili
ta tam tamil
te tel telugu
tg tgk tajik
th tha thai
ti tir
tk tuk turkmen
tl tgl tagalog
tn tsn
to ton
tr tur turkish
ts tso
tt tat tatar
tw twi
ty tah
ug uig uyghur
uk ukr ukrainian
ur urd urdu
uz uzb uzbek
ve ven
vi vie vietnamese
vo vol
wa wln
wo wol
xh xho xhosa
yi yid yiddish
yo yor yoruba
za zha
zh zho chi chinese
zu zul zulu
ast
cmn mandarin
fil filipino
gsw
mul
nds
sco
yue cantonese
zxx";
