"""Words of English, German, French and Spanish."""

from wit_builder.demo_web.scenes import COLOURS, THINGS
from wit_builder.demo_web.vocabulary import (
    Noun,
    Tongue,
    colours,
    moods,
    nouns,
    places,
    sentences,
    sides,
)

_PLURALS = {"fish": "fish", "butterfly": "butterflies"}

ENGLISH = Tongue(
    nouns={thing: Noun("n", thing, _PLURALS.get(thing, f"{thing}s")) for thing in THINGS},
    colours={
        colour: {"n": f"an {colour}" if colour == "orange" else f"a {colour}", "n+": colour}
        for colour in COLOURS
    },
    numbers={"n": ("", "two", "three")},
    subject="{number} {colour} {noun}",
    places=places(
        """by the sea
        in front of snowy mountains
        in the sandy desert
        in front of a dark forest
        in front of a big city
        on a flowering meadow
        on a wide plain covered with snow
        in front of a smoking volcano"""
    ),
    moods=moods(
        """on a sunny day
        at sunset
        on a starry night
        in the pouring rain
        in thick fog
        during a heavy snowfall"""
    ),
    sides=sides(
        """on the left side of the picture
        in the middle of the picture
        on the right side of the picture"""
    ),
    distances=("seen from close by", "seen from far away"),
    verbs=("is", "are"),
    templates=sentences(
        """{subject} {place} {mood}, just as we saw it {side}
        {subject} {place} {mood}, {distance}
        in this picture there {verb} {subject} {place} {mood}
        this is a view of {subject} {place} {mood}
        {subject} that you can see {side}, {place} {mood}"""
    ),
    furniture=sentences(
        """We walked all morning before we found the right spot for these pictures.
        The light changes quickly here, and no two evenings look the same.
        Every picture on this page was drawn for you, and each caption says what can be seen in it.
        If you like them, have a look at the neighbouring pages as well."""
    ),
)

GERMAN = Tongue(
    nouns=nouns(
        """n Segelboot / Segelboote
        n Auto / Autos
        n Haus / Häuser
        m Baum / Bäume
        m Heißluftballon / Heißluftballons
        m Regenschirm / Regenschirme
        m Fisch / Fische
        m Vogel / Vögel
        f Blume / Blumen
        m Schmetterling / Schmetterlinge
        m Leuchtturm / Leuchttürme
        m Drachen / Drachen
        m Pilz / Pilze
        f Rakete / Raketen
        f Tasse / Tassen
        f Burg / Burgen"""
    ),
    colours=colours(
        "m f n m+ f+ n+",
        """roter rote rotes rote rote rote
        orangefarbener orangefarbene orangefarbenes orangefarbene orangefarbene orangefarbene
        gelber gelbe gelbes gelbe gelbe gelbe
        grüner grüne grünes grüne grüne grüne
        blauer blaue blaues blaue blaue blaue
        violetter violette violettes violette violette violette
        weißer weiße weißes weiße weiße weiße
        schwarzer schwarze schwarzes schwarze schwarze schwarze""",
    ),
    numbers={"m": ("ein", "zwei", "drei"), "f": ("eine", "zwei", "drei"), "n": ("ein", "zwei", "drei")},
    subject="{number} {colour} {noun}",
    places=places(
        """am Ufer des Meeres
        vor verschneiten Bergen
        in der sandigen Wüste
        vor einem dunklen Wald
        vor einer großen Stadt
        auf einer blühenden Wiese
        auf einer weiten verschneiten Ebene
        vor einem rauchenden Vulkan"""
    ),
    moods=moods(
        """an einem sonnigen Tag
        bei Sonnenuntergang
        in einer sternklaren Nacht
        bei strömendem Regen
        in dichtem Nebel
        bei starkem Schneefall"""
    ),
    sides=sides(
        """auf der linken Seite des Bildes
        in der Mitte des Bildes
        auf der rechten Seite des Bildes"""
    ),
    distances=("aus der Nähe gesehen", "aus der Ferne gesehen"),
    verbs=("ist", "sind"),
    templates=sentences(
        """{subject} {place} {mood}, {side}
        {subject} {place} {mood}, {distance}
        auf diesem Bild {verb} {subject} {place} {mood} zu sehen
        hier {verb} {subject} {place} {mood} abgebildet
        {subject}, {side} gut zu erkennen, {place} {mood}"""
    ),
    furniture=sentences(
        """Wir sind den ganzen Vormittag gelaufen, bis wir die richtige Stelle für diese Bilder fanden.
        Das Licht ändert sich hier schnell, und kein Abend gleicht dem anderen.
        Jedes Bild auf dieser Seite wurde für Sie gezeichnet, und jede Unterschrift sagt, was zu sehen ist.
        Wenn sie Ihnen gefallen, schauen Sie sich auch die Nachbarseiten an."""
    ),
)

FRENCH = Tongue(
    nouns=nouns(
        """m voilier / voiliers
        f voiture / voitures
        f maison / maisons
        m arbre / arbres
        f montgolfière / montgolfières
        m parapluie / parapluies
        m poisson / poissons
        m oiseau / oiseaux
        f fleur / fleurs
        m papillon / papillons
        m phare / phares
        m cerf-volant / cerfs-volants
        m champignon / champignons
        f fusée / fusées
        f tasse / tasses
        m château / châteaux"""
    ),
    colours=colours(
        "m f m+ f+",
        """rouge rouge rouges rouges
        orange orange orange orange
        jaune jaune jaunes jaunes
        vert verte verts vertes
        bleu bleue bleus bleues
        violet violette violets violettes
        blanc blanche blancs blanches
        noir noire noirs noires""",
    ),
    numbers={"m": ("un", "deux", "trois"), "f": ("une", "deux", "trois")},
    subject="{number} {noun} {colour}",
    places=places(
        """au bord de la mer
        devant des montagnes enneigées
        dans le désert de sable
        devant une forêt sombre
        devant une grande ville
        dans une prairie fleurie
        sur une vaste plaine enneigée
        devant un volcan qui fume"""
    ),
    moods=moods(
        """par une journée ensoleillée
        au coucher du soleil
        par une nuit étoilée
        sous une pluie battante
        dans un épais brouillard
        sous la neige qui tombe"""
    ),
    sides=sides(
        """à gauche de l'image
        au milieu de l'image
        à droite de l'image"""
    ),
    distances=("tout près de nous", "loin de nous"),
    verbs=("est", "sont"),
    templates=sentences(
        """{subject} {place} {mood}, {side}
        {subject} {place} {mood}, {distance}
        sur cette image, il y a {subject} {place} {mood}
        on voit ici {subject} {place} {mood}
        {subject} que l'on voit {side}, {place} {mood}"""
    ),
    furniture=sentences(
        """Nous avons marché toute la matinée avant de trouver le bon endroit pour ces images.
        La lumière change vite ici, et aucun soir ne ressemble à un autre.
        Chaque image de cette page a été dessinée pour vous, et chaque légende dit ce que l'on y voit.
        Si elles vous plaisent, regardez aussi les pages voisines."""
    ),
)

SPANISH = Tongue(
    nouns=nouns(
        """m velero / veleros
        m coche / coches
        f casa / casas
        m árbol / árboles
        m globo aerostático / globos aerostáticos
        m paraguas / paraguas
        m pez / peces
        m pájaro / pájaros
        f flor / flores
        f mariposa / mariposas
        m faro / faros
        f cometa / cometas
        f seta / setas
        m cohete / cohetes
        f taza / tazas
        m castillo / castillos"""
    ),
    colours=colours(
        "m f m+ f+",
        """rojo roja rojos rojas
        naranja naranja naranjas naranjas
        amarillo amarilla amarillos amarillas
        verde verde verdes verdes
        azul azul azules azules
        morado morada morados moradas
        blanco blanca blancos blancas
        negro negra negros negras""",
    ),
    numbers={"m": ("un", "dos", "tres"), "f": ("una", "dos", "tres")},
    subject="{number} {noun} {colour}",
    places=places(
        """junto al mar
        delante de unas montañas nevadas
        en el desierto de arena
        delante de un bosque oscuro
        delante de una gran ciudad
        en un prado lleno de flores
        en una extensa llanura nevada
        delante de un volcán humeante"""
    ),
    moods=moods(
        """en un día soleado
        al atardecer
        en una noche estrellada
        bajo una lluvia intensa
        entre una niebla espesa
        bajo una fuerte nevada"""
    ),
    sides=sides(
        """a la izquierda de la imagen
        en el centro de la imagen
        a la derecha de la imagen"""
    ),
    distances=("muy cerca de nosotros", "muy lejos de nosotros"),
    verbs=("está", "están"),
    templates=sentences(
        """{subject} {place} {mood}, {side}
        {subject} {place} {mood}, {distance}
        en esta imagen hay {subject} {place} {mood}
        aquí se puede ver {subject} {place} {mood}
        {subject} que se puede ver {side}, {place} {mood}"""
    ),
    furniture=sentences(
        """Caminamos toda la mañana hasta encontrar el lugar adecuado para estas imágenes.
        Aquí la luz cambia deprisa, y ninguna tarde se parece a otra.
        Cada imagen de esta página se dibujó para usted, y cada pie dice lo que se ve en ella.
        Si le gustan, mire también las páginas vecinas."""
    ),
)
