"""The words by which menus, credits, bylines and boxes of other stories are known, in several languages.

Each table holds phrases parted by ``|``, a language or a sort a line. To teach the reader a site's or a language's
words, add them here.
"""

from __future__ import annotations

import re

EDGES = " \t.:;,…·•|-–—›»«<>←→↑↓▶▾▼▸+#*[]()\"'“”’!"


def plain(text: str) -> str:
    """Return a text in lower case with straight apostrophes and without marks at its edges, as the tables have it."""
    return text.casefold().replace("’", "'").strip(EDGES)


def wordlist(table: str) -> frozenset[str]:
    """Return the words of a table, parted by white space."""
    return frozenset(table.split())


def phrases(table: str) -> frozenset[str]:
    """Return the phrases of a table."""
    return frozenset(phrase for line in table.splitlines() for part in line.split("|") if (phrase := plain(part)))


def anywhere(table: str) -> re.Pattern[str]:
    """Return a pattern that finds any phrase of a table as whole words."""
    found = "|".join(sorted(map(re.escape, phrases(table)), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{found})(?!\w)")


def beginning(table: str) -> re.Pattern[str]:
    """Return a pattern that finds any phrase of a table as the first words."""
    return re.compile(rf"^(?:{anywhere(table).pattern})")


OTHER_STORIES = phrases("""
    must read | must reads | read these too | more top stories | baca juga | berita terkait | artikel terkait
    terpopuler
    berita lainnya | ilgili haberler | çok okunanlar | bunlar da ilginizi çekebilir | son haberler | mais do
    notícias de hoje
    related | related articles | related article | related stories | related story | related news | related content
    related coverage | related posts | related reading | related links | related reads | related videos
    recommended
    recommended for you | recommended stories | recommended reading | suggested reading | more on this
    more on this story
    more stories | more news | more coverage | more like this | more headlines | more to explore | more from us
    more articles | read also | read more | read next | see also | see more | also read | also in the news
    in other news
    elsewhere | you may like | you may also like | you might like | you might also like | you may be interested in
    most read | most viewed | most popular | most shared | most commented | most recent | top stories | top news
    top headlines
    popular | popular now | popular stories | popular posts | popular articles | trending | trending now
    trending stories
    latest | latest news | latest stories | latest headlines | latest posts | latest articles | recent posts
    recent stories
    recent articles | recent news | other news | other stories | other articles | other headlines | featured stories
    featured articles | editor's picks | editor's pick | editors' picks | editors' choice | editor's choice
    don't miss
    up next | next up | next story | what to read next | keep reading | from the web | from around the web
    around the web
    from our partners | from the archive | from the archives | from our archive | promoted | promoted stories
    promoted content
    promoted links | sponsored stories | sponsored content | sponsored links | paid content | paid posts
    partner content
    today's top stories | in this section | in case you missed it | around the region | stories for you
    picked for you
    noticias relacionadas | artículos relacionados | notas relacionadas | relacionado | relacionadas | relacionados
    más noticias | más leídas | más leídos | lo más leído | lo más visto | las más leídas | lea también
    lee también
    te puede interesar | también te puede interesar | le puede interesar | últimas noticias | otras noticias
    más sobre este tema
    à lire aussi | a lire aussi | lire aussi | à lire également | articles liés | articles associés
    articles similaires
    sur le même sujet | sur le même thème | dans la même rubrique | les plus lus | les plus partagés
    à ne pas manquer
    voir aussi | nos derniers articles | sujets associés | dernières nouvelles | à la une
    leia também | leia mais | notícias relacionadas | matérias relacionadas | mais lidas | veja também
    últimas notícias
    mehr zum thema | lesen sie auch | auch interessant | meistgelesen | das könnte sie auch interessieren
    اقرأ أيضا | اقرأ أيضاً | إقرأ أيضا | اقرأ المزيد | مواضيع ذات صلة | مواضيع متعلقة | مواضيع مشابهة
    أخبار ذات صلة
    أخبار متعلقة | أخبار أخرى | مقالات ذات صلة | ذات صلة | الأكثر قراءة | الأكثر مشاهدة | الأكثر تداولا | شاهد أيضا
    آخر الأخبار
""")
"""Titles above other stories."""

OTHER_STORIES_BEGIN = beginning("""
    also in | also in today's | also this week | icymi | previously on | more from | more in | more on | more about
    more stories from | also on | also in | most read in | most popular in | top stories in
    latest from | latest in | latest on | trending in | related to | elsewhere on | elsewhere in | other news from
    today's top | best of
    read more from | más en | más sobre | plus d'articles | en savoir plus sur | mais em | المزيد من | المزيد في
""")
"""How such titles begin where a name follows."""

POINTERS = beginning("""
    live | video | vídeo | photos | fotos | baca juga | simak juga | ilgili haber | leer más | ler mais
    en savoir plus
    read more | read also | also read | read next | see also | related | related story | related article
    related news
    more | don't miss | watch | listen | go deeper | explainer | explained | from the archive | recommended
    opinion | analysis
    icymi | in case you missed it | also in today's | also in | previous alert | in pictures | live updates
    background | further reading | must read | up next | next | previous | older | newer
    lea también | lee también | lea además | relacionado | à lire | à lire aussi | lire aussi | voir aussi
    leia também
    lesen sie auch | اقرأ أيضا | اقرأ أيضاً | إقرأ أيضا | شاهد أيضا | اقرأ المزيد | طالع أيضا
""")
"""How a line begins that points to another story, before a colon, a bar or an arrow."""

MENU = phrases("""
    zum inhalt springen | zur navigation springen | saltar al contenido | ir al contenido | aller au contenu
    pular para o conteúdo
    lewati ke konten | beranda | berita | nasional | olahraga | ekonomi | politik | içeriğe geç | haberler | gündem
    home | homepage | home page | news | the news | latest news | breaking news | local news | world news | world
    the world
    national | nation | local | regional | region | regions | provinces | africa | asia | europe | america
    americas | middle east
    us | uk | u.s | international | politics | business | economy | finance | markets | money | sport | sports
    opinion | opinions
    comment | commentary | editorial | editorials | analysis | letters | culture | arts | books | film | music
    lifestyle | life
    style | travel | food | health | science | tech | technology | climate | environment | weather | education
    religion
    people | society | law | crime | justice | security | defence | defense | conflict | war | video | videos
    photo | photos
    gallery | galleries | podcast | podcasts | audio | radio | tv | live | live tv | on air | in depth | in pictures
    feature
    features | investigations | magazine | obituaries | notices | jobs | classifieds | games | crossword | puzzles
    archive
    archives | today's paper | e-paper | epaper | menu | search | sections | section | all sections | topic | topics
    tag | tags
    more | less | close | open | open menu | skip | next | previous | prev | back | top | older | newer
    older posts | newer posts
    edition | editions | language | languages | english | français | español | عربي | العربية | advertisement | ad
    ads
    advert | adverts | sponsored | promoted | subscribe | subscribe now | subscription | subscriptions | sign in
    sign up
    sign out | log in | login | log out | logout | register | my account | account | profile | newsletter
    newsletters | donate
    support us | support | shop | store | advertise | advertising | advertise with us | share | share this
    share article
    share this article | share this story | share story | share on facebook | share on twitter | share on x
    share on whatsapp
    share via email | share full article | tweet | retweet | email | e-mail | print | save | saved | bookmark
    bookmarks | copy
    copy link | link copied | gift | gift article | listen | listen to article | facebook | twitter | x | x.com
    whatsapp
    telegram | linkedin | reddit | pinterest | instagram | youtube | tiktok | rss | rss feed | flipboard | messenger
    mastodon
    bluesky | threads | comments | view comments | show comments | hide comments | post a comment | add a comment
    add comment
    leave a comment | leave a reply | read comments | no comments | reply | report | like | likes | loading
    like loading | follow
    follow us | following | follow topic | quote | edit | delete | report post | contact | contact us | about
    about us
    our team | careers | help | help centre | help center | faq | faqs | privacy | privacy policy | privacy notice
    terms
    terms of use | terms of service | terms & conditions | terms and conditions | cookies | cookie policy
    cookie settings
    cookie preferences | manage cookies | accessibility | sitemap | site map | site index | legal | imprint
    impressum | complaints
    corrections | standards | feedback | accept | accept all | accept cookies | accept all cookies | reject
    reject all | decline
    manage preferences | manage options | preferences | options | settings | ok | got it | i agree | agree
    no thanks | maybe later
    continue | load more | show more | show less | see all | see more | view all | view more | back to top | to top
    expand
    collapse | play | pause | mute | download | download pdf | pdf | skip to content | skip to main content
    skip navigation
    skip ad | jump to content | breaking | exclusive | top | dark mode | light mode | aa | text size | font size
    view this email in your browser
    view in browser | unsubscribe | forward to a friend | my view | key events | live feed | auto-refresh
    related topics
    tagged | filed under | posted in | categories | category | author archive | page | pages | previous page
    next page
    inicio | portada | mundo | política | economía | deportes | opinión | cultura | sociedad | nacional | nacionales
    internacional | sucesos | conflicto | suscríbete | suscríbase | suscribirse | compartir | comentarios
    iniciar sesión
    buscar | menú | contacto | aviso legal | imprimir | publicidad | secciones | última hora | quiénes somos
    accueil | monde | politique | économie | sport | débats | idées | société | afrique | régions | abonnez-vous
    s'abonner | se connecter
    connexion | partager | commentaires | commenter | réagir | rechercher | recherche | mentions légales | imprimer
    envoyer | publicité
    qui sommes-nous | nous contacter | plan du site
    início | notícias | esportes | assine | entrar | compartilhe | compartilhar | publicidade | contato
    startseite | politik | wirtschaft | kultur | anmelden | abo | teilen | drucken | anzeige
    الرئيسية | أخبار | الأخبار | سياسة | اقتصاد | رياضة | ثقافة | رأي | مقالات | منوعات | فيديو | صور | اشترك
    مشاركة | شارك
    طباعة | تسجيل الدخول | بحث | القائمة | محليات | دولي | العالم | تعليقات | اتصل بنا | من نحن | سياسة الخصوصية
    حسابي | إعلان
    عربي ودولي | تقارير | تحليلات | بودكاست | صحة | علوم | تكنولوجيا | شروط الاستخدام
""")
"""Words of menus, buttons and footers that stand alone."""

SERVICE = anywhere("""
    list of | end of list | post a comment | to comment | must be registered | free subscriber | upgrade your
    confidential information | intended recipient
    by signing up | click here | tap here | save articles | this article appeared in | print edition
    stories from this section | last edited by | house rules
    invalid email | thank you for subscribing | my bookmarks | note to editors | notes to editors
    for personal use only | downloaded from | i am a bot
    display posts | view entire | this thread | open in app | open in browser | upvoted | sort by | before printing
    members online | guests online
    made by machine | generated by | written by ai | machine translation | translated automatically | best viewed
    visitor no | a new window
    reading list | want to read more | like this article | enjoyed this | tell us what you think | let us know
    what do you think | rate this
    external sites | external links | our standards | fact check policy | ethics policy | editorial standards
    media contact | press contact | for more information | further information
    use cookies | uses cookies | use of cookies | accept cookies | cookies to | by continuing to | by using this
    by clicking
    subscribe to | subscribe for | subscribe now | subscribers only | for subscribers | already a subscriber
    already a member
    already have an account | already subscribed | become a member | become a subscriber | start your free
    free trial | sign up for
    sign up here | sign up to | sign up free | sign in to | log in to | register to | register for
    create an account
    remaining articles | free articles | articles left | articles remaining | to continue reading | to keep reading
    continue reading
    to read the full | read the full story | full access | unlimited access | cancel anytime | cancel any time
    our newsletter
    weekly newsletter | daily newsletter | daily briefing | in your inbox | to your inbox | straight to your
    unsubscribe
    all rights reserved | copyright | no part of this | may not be reproduced | may not be published
    licensing rights | terms of use | terms of service
    terms and conditions | privacy policy | cookie policy | follow us on | follow us | find us on | join us on
    join our channel
    join our telegram | like us on | download our app | download the app | get our app | get the app
    get the latest | enable javascript
    turn on javascript | javascript is | browser does not | view this email | view in your browser | in your browser
    you are receiving | you received this
    update your preferences | manage preferences | manage your | forward this | did a friend | share this article
    share this story
    share this post | share this | print this | story continues | article continues | scroll to continue
    continues below | sponsored by | presented by
    a message from | paid for by | promo code | use code | support our journalism | support our work
    support independent
    make a donation | make a contribution | donate now | donate today | chip in | have a tip | got a tip
    got a story | send us your | send your photos
    send tips | contact the newsroom | contact our newsroom | skip to main content | skip to content | back to top
    site index | code of trust
    responsible for the content of external | views expressed | opinions expressed | comments are closed
    comments are moderated | be the first to comment
    join the conversation | leave a reply | required fields are marked | your email address will not
    log in to comment | thoughts on
    lesezeit | temps de lecture | tiempo de lectura | tempo de leitura | minutes read | minute read | min read
    mins read | powered by | all times are | you cannot post
    users browsing
    registered in | published by | printed by | isbn | issn
    todos los derechos | derechos reservados | uso de cookies | utilizamos cookies | política de privacidad
    síguenos | suscríbete a | suscríbase a
    para suscriptores | recibe nuestro | boletín
    tous droits | droits réservés | utilise des cookies | utilisons des cookies | politique de confidentialité
    suivez-nous | abonnez-vous
    réservé aux abonnés | déjà abonné | inscrivez-vous | newsletter
    todos os direitos | direitos reservados | siga-nos | assine a | inscreva-se
    alle rechte vorbehalten
    جميع الحقوق محفوظة | حقوق النشر | كل الحقوق | تابعونا | تابعنا | اشترك في | اشتركوا | سياسة الخصوصية
    ملفات تعريف الارتباط | النشرة البريدية
""")
"""What a site says for itself: cookies, subscriptions, rights, sharing."""

CREDITS = anywhere("""
    photo | photos | photograph | photographs | photography | photographer | picture | pictures | image | images
    file photo | file | handout | courtesy
    illustration | graphic | credit | via reuters | via ap | via afp | reuters | afp | ap | getty | getty images
    epa | efe | anadolu
    stringer | pool | screengrab | screenshot | satellite image
    foto | fotografía | imagen | archivo | cortesía | crédito | photo d'archive | crédit | crédits | image d'archive
    foto de archivo | reprodução
    تصوير | صورة | الصورة | أرشيف | أرشيفية | صورة أرشيفية
""")
"""Words of the credit of a picture."""

READING_TIME = anywhere("""
    read | reading time | minute read | minute listen | listen | long read | lesezeit | temps de lecture
    tiempo de lectura
    tempo de leitura | min de lectura | min de lecture | دقائق قراءة | دقيقة قراءة
""")
"""Words that stand beside a length of time which dates nothing."""

BY = beginning("""
    interview | live reporting by | reporting | words
    by | words by | text by | story by | report by | written by | compiled by | posted by | published by | edited by
    curated by
    reported by | reporting by | additional reporting by | photographs by | photos by | translated by | analysis by
    interview by
    reporting from | editing by | writing by | posted in | from our correspondent | from our own correspondent
    from our reporter
    author | from | prepared by | presented by | produced by | with
    por | escrito por | redacción | texto | texto de | de nuestro corresponsal | par | propos recueillis par
    rédigé par | de notre correspondant
    de notre correspondante | de notre envoyé spécial | von | بقلم | كتب | كتبت | إعداد | تقرير | المصدر | مراسلنا
    تحرير
""")
"""How a byline begins."""

POSTS = anywhere("""
    correspondent | reporter | reporters | staff | staff writer | staff reporter | editor | bureau chief | bureau
    newsroom | desk | news desk | news agency
    agencies | special to | contributor | columnist | news service | wire service | wire services | web desk
    our correspondent
    corresponsal | redacción | enviado especial | enviada especial | agencias | correspondant | correspondante
    envoyé spécial | envoyée spéciale
    la rédaction | rédaction | agences | correspondente | enviado | da redação | redação
    مراسل | مراسلنا | مراسلتنا | المحرر | وكالات | وكالة | متابعات | خاص
""")
"""What a byline calls its author."""

STAMPS = beginning("""
    published | published on | published at | updated | last updated | last modified | posted | posted on
    first published | issued | created | modified
    date | dated | time | uploaded | added | as of
    publicado | publicada | actualizado | actualizada | fecha | publié | publiée | mis à jour | mise à jour
    modifié | atualizado
    veröffentlicht | aktualisiert | stand | نشر | نشرت | آخر تحديث | تاريخ النشر | تم التحديث | حدث
""")
"""How a line begins that tells when a page was published."""

SIGN_OFFS = beginning("""
    with a report from | with reports from | with reporting | with contributions from | published in
    reporting by | additional reporting by | writing by | editing by | edited by | compiled by | compiled from
    written by | with reporting by
    with reporting from | with additional reporting | with files from | with inputs from | with input from
    with agencies | with agency | from agencies
    agencies contributed | translated by | translated from | correction | corrections | clarification
    this correction | editor's note | editors' note | note to readers
    this story was | this story has been | this article was | this article has been | this report was
    this report has been | this version
    an earlier version | a previous version | a version of this | con información de | con agencias | avec afp
    avec agences | com agências
    corrección | rectificatif | précision | تصحيح | تنويه | note
""")
"""How a line begins that signs off a story or corrects it."""

ATTRIBUTION = anywhere("""
    said | says | saying | told | tells | added | according to | reported | announced | asked | replied | warned
    wrote | claimed | denied
    dijo | afirmó | según | señaló | añadió | declaró | explicó | a déclaré | a dit | selon | affirme | a affirmé
    d'après | disse | segundo | afirmou
    قال | وقال | قالت | وقالت | أضاف | وأضاف | بحسب | وفقا | أعلن | وأعلن | ذكر | وذكر
""")
"""Words that say who said it."""

CAPTION_STARTS = beginning("""
    file photo | file | photo | photograph | image | picture | caption | pictured | above | left | right | below
    map | graphic | illustration | video | figure | fig | still
    chart | table | foto | imagen | archivo | photo d'archive | légende | صورة أرشيفية | صورة | foto de archivo
""")
"""How a caption begins, before a colon or a dash."""

SHOWING = anywhere("""
    walk | walks | stand | stands | sit | sits | look | looks | watch | watches | wait | waits | carry | carries
    hold | holds | pose | poses
    gather | gathers | inspect | inspects | ride | rides | drive | drives | board | boards | mourn | mourns | attend
    attends | speak | speaks
    rise | rises | billow | billows | lie | lies | line | lines | queue | queues | flee | flees | patrol | patrols
    guard | guards | raise | raises
    wave | waves | lean | leans | pass | passes | arrive | arrives | hug | hugs | embrace | embraces | pray | prays
    pour | pours | clear | clears
    search | searches | survey | surveys | load | loads | unload | cross | crosses | shelter | shelters | help
    helps | wrap | wraps | sweep | sweeps
    repair | repairs | dig | digs | sort | sorts | play | plays | push | pushes | pull | pulls | climb | climbs
    step | steps | sleep | sleeps
    is seen | are seen | can be seen | is pictured | are pictured | is shown | are shown | seen in | seen on
    seen from | seen near | seen at | pictured in | pictured on | pictured at | shown here
""")
"""What people and things are seen to do in a picture, in the present tense."""

ABOUT_AUTHOR = anywhere("""
    is a reporter | is a staff | is a senior | is a correspondent | is the correspondent | is a journalist
    is a freelance | is a freelance journalist | is an editor | is a writer | is a columnist
    is a photographer | is a producer | is a fellow | is a research fellow | is an analyst | is a professor
    is a lecturer | is a blogger | is our | is the author | is the editor
    is chief | is bureau chief | covers | writes about | has covered | has reported | reports on | reports from
    writes on | is based in | follow him | follow her | follow them
    reach him at | reach her at | reach them at | lives in | joined the | es periodista | es corresponsal
    est journaliste | est correspondant | é jornalista
""")
"""What a page says of its author."""

KEY_POINTS = phrases("""
    in summary | summary points | what we know so far | the story so far | the facts | the facts so far
    story summary | briefly
    summary | key points | key takeaways | takeaways | highlights | at a glance | in brief | in short | what we know
    what you need to know
    the essentials | quick read | story highlights | the main points | main points | key facts | key events
    claves | puntos clave | lo esencial | en resumen | en bref | l'essentiel | points clés | أبرز النقاط | باختصار
    ملخص
""")
"""Titles above the points of a story."""

TAGGED = phrases("""
    tags | tagged | topics | related topics | topics in this article | filed under | keywords | categories
    more on these topics | explore more on these topics
    etiquetas | temas | mots-clés | sujets | thèmes | وسوم | كلمات مفتاحية | مواضيع
""")
"""Titles above tags."""

LINKING = wordlist("""
    a an the of to in on at as by for from with after over under into near and or but not is are was were be his
    her its their than that el la los las de del en y a por con para un una al se le les des du et à au aux dans
    sur pour par une est os as da do dos em com der die das und im am zu
""")
"""Small words that a headline has and a menu has not."""

YOU = anywhere("""
    you | your | you're | you've | you'll | yours | us | our | here
    vous | votre | vos | usted | su correo | tu | você | seu
""")
"""Words that speak to the reader."""

CONTRIBUTED = anywhere("""
    contributed to this report | contributed to this story | contributed to this article | contributed reporting
    contributed from | contributed to this dispatch
    contribuyó a este | a contribué à cet | contribuiu para
""")
"""How a line ends that says who else reported."""

REQUESTS = wordlist("""
    click tap sign subscribe download follow share save view discover join register upgrade try get support
    donate enter choose select manage update read watch listen see explore browse visit email print add create
    log continue submit install enable buy order renew browse scroll swipe press please
""")
"""How a button or a plea begins."""

IN_A_STAMP = wordlist("""
    published updated posted last modified on at by the of and a m p am pm gmt utc est edt cet local time min
    read issued publicado actualizado el a las de del h publié mis à jour le modifié à um uhr stand نشر في آخر
    تحديث الساعة
""")
"""Words that may stand beside a date of publication."""
