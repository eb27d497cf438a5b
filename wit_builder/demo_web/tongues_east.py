"""Words of Polish, Japanese and Russian."""

from wit_builder.demo_web.vocabulary import Tongue, colours, moods, nouns, places, sentences, sides

POLISH = Tongue(
    nouns=nouns(
        """f żaglówka / żaglówki
        m samochód / samochody
        m dom / domy
        n drzewo / drzewa
        m balon / balony
        m parasol / parasole
        f ryba / ryby
        m ptak / ptaki
        m kwiat / kwiaty
        m motyl / motyle
        f latarnia morska / latarnie morskie
        m latawiec / latawce
        m grzyb / grzyby
        f rakieta / rakiety
        m kubek / kubki
        m zamek / zamki"""
    ),
    colours=colours(
        "m f n m+ f+ n+",
        """czerwony czerwona czerwone czerwone czerwone czerwone
        pomarańczowy pomarańczowa pomarańczowe pomarańczowe pomarańczowe pomarańczowe
        żółty żółta żółte żółte żółte żółte
        zielony zielona zielone zielone zielone zielone
        niebieski niebieska niebieskie niebieskie niebieskie niebieskie
        fioletowy fioletowa fioletowe fioletowe fioletowe fioletowe
        biały biała białe białe białe białe
        czarny czarna czarne czarne czarne czarne""",
    ),
    numbers={"m": ("", "dwa", "trzy"), "f": ("", "dwie", "trzy"), "n": ("", "dwa", "trzy")},
    subject="{number} {colour} {noun}",
    places=places(
        """nad brzegiem morza
        na tle ośnieżonych gór
        na piaszczystej pustyni
        na tle ciemnego lasu
        na tle dużego miasta
        na kwitnącej łące
        na rozległej zaśnieżonej równinie
        na tle dymiącego wulkanu"""
    ),
    moods=moods(
        """w słoneczny dzień
        o zachodzie słońca
        w gwiaździstą noc
        w ulewnym deszczu
        w gęstej mgle
        podczas opadów śniegu"""
    ),
    sides=sides(
        """po lewej stronie obrazka
        na środku obrazka
        po prawej stronie obrazka"""
    ),
    distances=("z bliska", "z daleka"),
    verbs=("jest", "są"),
    templates=sentences(
        """{subject} {place} {mood}, {side}
        {subject} {place} {mood}, tak jak to widać {distance}
        na tym obrazku {verb} {subject} {place} {mood}
        tutaj {verb} {subject} {place} {mood}
        {subject}, {side}, {place} {mood}"""
    ),
    furniture=sentences(
        """Szliśmy cały ranek, zanim znaleźliśmy właściwe miejsce do tych obrazków.
        Światło szybko się tu zmienia i żaden wieczór nie jest podobny do drugiego.
        Każdy obrazek na tej stronie narysowano dla Państwa, a każdy podpis mówi, co na nim widać.
        Jeśli się podobają, proszę zajrzeć także na sąsiednie strony."""
    ),
)

JAPANESE = Tongue(
    nouns=nouns(
        """n ヨット / ヨット
        n 自動車 / 自動車
        n 家 / 家
        n 木 / 木
        n 気球 / 気球
        n 傘 / 傘
        n 魚 / 魚
        n 鳥 / 鳥
        n 花 / 花
        n 蝶 / 蝶
        n 灯台 / 灯台
        n 凧 / 凧
        n キノコ / キノコ
        n ロケット / ロケット
        n カップ / カップ
        n 城 / 城"""
    ),
    colours=colours(
        "n n+",
        """赤い 赤い
        オレンジ色の オレンジ色の
        黄色い 黄色い
        緑色の 緑色の
        青い 青い
        紫色の 紫色の
        白い 白い
        黒い 黒い""",
    ),
    numbers={"n": ("一つの", "二つの", "三つの")},
    subject="{number}{colour}{noun}",
    places=places(
        """静かな海辺
        雪をかぶった山の前
        広い砂漠の中
        暗い森の前
        大きな街の前
        花の咲く草原
        広い雪原
        煙を上げる火山の前"""
    ),
    moods=moods(
        """よく晴れた日
        夕暮れ時
        星の輝く夜
        激しい雨の中
        深い霧の中
        雪の降る中"""
    ),
    sides=sides(
        """画面の左側
        画面の真ん中
        画面の右側"""
    ),
    distances=("近くから", "遠くから"),
    verbs=("ある", "ある"),
    templates=sentences(
        """{mood}、{place}の{subject}が{side}に描かれています
        {mood}、{place}の{subject}を{distance}見た風景です
        この絵には、{mood}、{place}の{subject}が描かれています
        これは{mood}、{place}に見える{subject}の絵です
        {side}に{verb}{subject}、{place}、{mood}"""
    ),
    furniture=sentences(
        """この絵にふさわしい場所が見つかるまで、朝からずっと歩きました。
        ここでは光がすぐに変わり、同じ夕方は二度とありません。
        このページの絵はすべてあなたのために描かれ、説明には絵に見えるものが書かれています。
        気に入ったら、となりのページもご覧ください。"""
    ),
)

RUSSIAN = Tongue(
    nouns=nouns(
        """f лодка / лодки
        f машина / машины
        m дом / дома
        n дерево / дерева
        m воздушный шар / воздушных шара
        m зонт / зонта
        f рыба / рыбы
        f птица / птицы
        m цветок / цветка
        f бабочка / бабочки
        m маяк / маяка
        m воздушный змей / воздушных змея
        m гриб / гриба
        f ракета / ракеты
        f чашка / чашки
        m замок / замка"""
    ),
    colours=colours(
        "m f n m+ f+ n+",
        """красный красная красное красных красных красных
        оранжевый оранжевая оранжевое оранжевых оранжевых оранжевых
        жёлтый жёлтая жёлтое жёлтых жёлтых жёлтых
        зелёный зелёная зелёное зелёных зелёных зелёных
        синий синяя синее синих синих синих
        фиолетовый фиолетовая фиолетовое фиолетовых фиолетовых фиолетовых
        белый белая белое белых белых белых
        чёрный чёрная чёрное чёрных чёрных чёрных""",
    ),
    numbers={"m": ("", "два", "три"), "f": ("", "две", "три"), "n": ("", "два", "три")},
    subject="{number} {colour} {noun}",
    places=places(
        """на берегу моря
        на фоне заснеженных гор
        в песчаной пустыне
        на фоне тёмного леса
        на фоне большого города
        на цветущем лугу
        на широкой снежной равнине
        на фоне дымящегося вулкана"""
    ),
    moods=moods(
        """в солнечный день
        на закате
        в звёздную ночь
        под проливным дождём
        в густом тумане
        во время снегопада"""
    ),
    sides=sides(
        """в левой части картинки
        в середине картинки
        в правой части картинки"""
    ),
    distances=("вид вблизи", "вид издалека"),
    verbs=("есть", "есть"),
    templates=sentences(
        """{subject} {place} {mood}, {side}
        {subject} {place} {mood}, {distance}
        на этой картинке {verb} {subject} {place} {mood}
        здесь видно следующее: {subject} {place} {mood}
        {subject}, {side}, {place} {mood}"""
    ),
    furniture=sentences(
        """Мы шли всё утро, пока не нашли подходящее место для этих картинок.
        Свет здесь меняется быстро, и ни один вечер не похож на другой.
        Каждая картинка на этой странице нарисована для вас, а подпись говорит, что на ней видно.
        Если они вам нравятся, загляните и на соседние страницы."""
    ),
)
