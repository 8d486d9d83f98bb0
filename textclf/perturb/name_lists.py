"""Words for names: those that stand in for others, and words that look like names and are none."""

from __future__ import annotations

from dataclasses import dataclass

from textclf.articles.roles.vocabulary import wordlist

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True)
class NameList:
    """Names of one tongue: given names and family names of people, and places; the places are invented."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    places: tuple[str, ...]


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip().replace("_", " ") for name in names.split())


ARABIC = NameList(
    given=_listed("""
        Aḥmad Maḥmūd Khālid Ṭāriq Ḥusayn Yūsuf Muṣṭafā Ibrāhīm Ṣāliḥ Nāṣir Fāṭima Zaynab Maryam Hudā Laylā Ḥanān
        ʿUmar ʿAlī Jamāl Rashīd Sāmī Wāʾil Muʿādh Bilāl Salmā Nūr Ḥamza Idrīs Jābir Qāsim
    """),
    family=_listed("""
        al-Ḥamdānī al-Najjār al-Ṭawīl al-Qāḍī al-Khaṭīb al-Shāmī al-Maṣrī al-Zaʿīm Ḥaddād Qabbānī Shaʿbān Ṣabbāgh
        al-Dūrī al-Jubūrī al-Ṣāliḥī al-Bakrī Mūsā Dāwūd al-Ghazālī al-Ḥarbī al-Rāwī Naṣṣār Zaydān al-ʿAbd_Allāh
        al-Tamīmī Ḥijāzī Barakāt Sulaymān al-Fāris ʿAwaḍ
    """),
    places=_listed("""
        Tall_al-Ṣafā Qaṣr_al-Wādī Bayt_Ḥamrān ʿAyn_al-Zayt Dayr_Ṣāliḥ Wādī_al-Rīḥ Kafr_Nabīl al-Ḥuwayja al-Rumayla
        Jabal_Ḥārith Umm_al-Ṭīn Khān_al-Jisr al-Shuʿayb Ṣafīra Marj_Zuhūr Ḥarastān Sūq_al-Aḥad Rās_al-ʿUyūn
        Burj_Salīm al-Qunayṭ Ṭarīf Ghawṭān Maʿarrat_Zayd al-Bāghūz_al-Jadīd Nahr_Ṣādiq
    """),
)

SPANISH = NameList(
    given=_listed("""
        José María Jesús Andrés Ramón Julián Martín Tomás Óscar Iván Lucía Sofía Belén Inés Concepción Germán Hernán
        Joaquín Raúl Simón Álvaro Ángel Asunción Rocío Mónica Verónica Nicolás Efraín Félix Adrián
    """),
    family=_listed("""
        Gómez Núñez Ibáñez Márquez Peña Muñoz Ordóñez Quiñones Zúñiga Cárdenas Ávila Beltrán Galván Piñeros Rincón
        Sepúlveda Tolosa Valdés Yáñez Ibargüen Castañeda Córdoba Echeverría Gutiérrez Hernández Jiménez Londoño
        Meléndez Patiño Villamizar
    """),
    places=_listed("""
        San_Jerónimo_del_Río Peñas_Altas Villa_Asunción El_Cañón Puerto_Ibáñez Río_Manso Santa_Inés_de_la_Peña
        La_Ciénaga_Vieja Monte_Águila Nuevo_Albarracín Cerro_Ñandú Pozo_Dulcísimo Tierra_Añil Los_Órganos
        Cañaveral_Bajo San_Agustín_del_Páramo Bahía_Serón Jurará Quebrada_Limón Valdeolmú Guacarí_Viejo El_Peñón_Rojo
        Llano_Tendío Aguaclará Santa_Bárbara_del_Güejar
    """),
)

# Capitals that name no person and no place; what they are part of stays as it is.
ORGANISATIONS = wordlist("""
    Army Armed Navy Air Force Forces Front Party Movement Council Ministry Brigade Brigades Battalion Division Command
    Union Nations Agency Cross Crescent State States Guard Guards Police Parliament Congress Senate Court House Office
    Committee Commission Organisation Organization League Alliance Coalition Government Authority Bank University
    School Hospital Church Mosque Company Corporation Institute Association Federation Foundation Group Network News
    Press Times Post Radio Television Observatory Mission Operation Accord Agreement Treaty Resolution War Day Joint
    Liberation National International United Islamic Democratic Popular People Revolutionary Resistance Militia Corps
    Regiment Unit Task Squadron Department Bureau Society Club Cup Fund Service Services Rights Human World High
    Supreme General Assembly Board Chamber Cabinet Doctors Borders Children Street Road Square Bridge Gate Airport
    Base Barracks Camp Prison Embassy Palace Column Columna Frente Ejército Partido Hezbollah Hamas Taliban Farc
""")

# Capitals that stand before a name or apart from one.
NO_NAMES = wordlist("""
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mr Mrs Ms Dr Prof Sir Lord Lady King Queen Prince
    Princess Emir Sheikh Sheik Imam Bishop Archbishop Pope Father Brother Sister President Minister Prime Premier
    Chancellor Governor Mayor Senator Deputy Vice Foreign Defence Defense Interior Secretary Ambassador Envoy Judge
    Justice Colonel Captain Major Lieutenant Sergeant Brigadier Admiral Marshal Commander Chief Chairman Col Gen Lt
    Capt Maj Sgt God Christmas Easter Ramadan Eid Christian Christians Muslim Muslims Jewish Jews Sunni Sunnis Shia
    Shiite Shiites Alawite Alawites Druze Kurd Kurds Kurdish Arab Arabs Arabic Turk Turks Turkish Western Eastern
    Northern Southern North South East West Central Greek French German Dutch Danish Swiss Iraqi Iraqis Israeli
    Israelis Pakistani Saudi Yemeni Yemenis Somali Somalis Afghan Afghans Chinese Spanish English British American
    First Second Third Petty Officer Major-General Americans European Europeans African Africans Asian
""") | frozenset(MONTHS)

# Words that begin a sentence, and so have a capital, before a name.
BEGINNINGS = wordlist("""
    the a an this that these those his her its their our my your he she it they we i you one two three four five six
    seven eight nine ten some many most all both each every no not nor neither either only even in on at by for from
    of to with without within into onto over under above below after before since until till during through between
    among against near outside inside around across along beyond about as if when while where why how what which who
    whose whom because although though unless but and or so yet still then there here now today yesterday tomorrow
    earlier later last next once twice also however meanwhile instead perhaps according asked told said says speaking
    another other others few several more less such like unlike despite amid upon is are was were has have had do did
    will would can could may might must should let
""")

# What stands before a place rather than a person.
BEFORE_PLACES = wordlist("in at near outside around into toward towards across inside throughout")
