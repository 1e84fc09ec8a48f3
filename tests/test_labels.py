"""Class names: the list of the 1000 ImageNet names, looking one up, searching, and numbered names."""

import csv
import re
import unicodedata
from pathlib import Path

import pytest
from torchvision.models._meta import _IMAGENET_CATEGORIES

from zfnet.errors import SelectionError
from zfnet.labels import Labels, imagenet_labels, numbered_labels

CSV_PATH = Path(__file__).resolve().parent.parent / "assets" / "labels.csv"

# Each of these has an English name with a second meaning, or a neighbour that it is easily confused with.
MEANINGS = {
    7: "수탉",
    17: "어치",
    21: "솔개",
    97: "수오리",
    133: "알락해오라기",
    134: "두루미",
    242: "복서(개)",
    264: "카디건 웰시 코기",
    288: "표범",
    289: "눈표범(설표)",
    313: "대벌레",
    321: "붉은제독나비",
    322: "가락지나비",
    323: "제왕나비",
    339: "밤색 말",
    408: "수륙 양용차",
    456: "활",
    457: "나비넥타이",
    466: "고속 열차",
    474: "카디건(옷)",
    517: "기중기(크레인)",
    542: "드럼 스틱(북채)",
    553: "서류함",
    602: "철봉",
    666: "절구(막자사발)",
    673: "컴퓨터 마우스",
    677: "못",
    687: "파이프 오르간",
    702: "평행봉",
    714: "기타 피크",
    725: "주전자(피처)",
    726: "대패",
    738: "화분",
    751: "경주용 자동차",
    758: "낚시 릴",
    769: "자(눈금자)",
    771: "금고",
    824: "스톨(어깨에 두르는 숄)",
    830: "들것",
    836: "색안경(선글라스)",
    837: "선글라스",
    843: "그네",
    844: "스위치",
    862: "횃불",
    881: "업라이트 피아노",
    884: "아치형 천장(궁륭)",
    914: "욜(소형 돛단배)",
    989: "장미 열매(로즈힙)",
    998: "옥수수 이삭",
}


def _without_parenthesis(name: str) -> set[str]:
    return {name, name.replace("(", "").replace(")", ""), re.sub(r" \(.*\)$", "", name)}


def test_there_are_1000_rows_numbered_in_order() -> None:
    with CSV_PATH.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["index", "english", "korean"]
    assert [row[0] for row in rows[1:]] == [str(index) for index in range(1000)]
    assert all(len(row) == 3 for row in rows)


def test_every_class_has_a_unique_name_in_both_languages() -> None:
    labels = imagenet_labels()
    assert len(labels) == len(labels.korean) == 1000
    assert len({name.casefold() for name in labels.english}) == 1000
    assert len(set(labels.korean)) == 1000


def test_english_names_are_those_of_torchvision_apart_from_parentheses() -> None:
    for ours, theirs in zip(imagenet_labels().english, _IMAGENET_CATEGORIES, strict=True):
        assert theirs in _without_parenthesis(ours)


def test_only_names_that_read_alike_carry_a_parenthesis() -> None:
    labels = imagenet_labels()
    marked = {index: name for index, name in enumerate(labels.english) if "(" in name}
    assert marked == {
        134: "crane (bird)",
        264: "Cardigan (Welsh corgi)",
        474: "cardigan (garment)",
        517: "crane (machine)",
        638: "maillot (leotard)",
        639: "maillot (tank suit)",
    }


def test_every_korean_name_is_written_in_hangul() -> None:
    latin_allowed = {"CD 플레이어", "TV·오디오 수납장", "포드 모델 T"}
    for name in imagenet_labels().korean:
        assert re.search("[가-힣]", name), name
        assert name in latin_allowed or not re.search("[A-Za-z]", name), name


def test_korean_names_are_tidy_text() -> None:
    for name in imagenet_labels().korean:
        assert name == unicodedata.normalize("NFC", name).strip()
        assert re.fullmatch(r"[가-힣A-Z0-9 ·]+(\([가-힣 ·]+\))?", name), name


@pytest.mark.parametrize(("index", "korean"), MEANINGS.items())
def test_an_ambiguous_english_name_has_the_korean_name_of_the_right_thing(index: int, korean: str) -> None:
    assert imagenet_labels().name(index, "ko") == korean


def test_a_name_is_english_unless_asked_otherwise() -> None:
    assert imagenet_labels().name(207) == "golden retriever"
    assert imagenet_labels().name(207, "ko") == "골든 리트리버"


@pytest.mark.parametrize("index", [1000, -1])
def test_a_class_that_does_not_exist_is_refused_with_the_range_that_does(index: int) -> None:
    with pytest.raises(SelectionError) as caught:
        imagenet_labels().name(index)
    assert str(caught.value) == f"there are 1000 classes (0-999), got {index}"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(SelectionError, match="en and ko, got 'fr'"):
        imagenet_labels().name(0, "fr")
    with pytest.raises(SelectionError, match="en and ko, got 'fr'"):
        imagenet_labels().search("tench", "fr")


def test_the_list_is_read_only_once() -> None:
    assert imagenet_labels() is imagenet_labels()


def test_a_search_puts_names_that_begin_with_the_text_first() -> None:
    labels = imagenet_labels()
    found = [labels.name(index) for index in labels.search("tiger", "en")]
    assert found == ["tiger shark", "tiger cat", "tiger", "tiger beetle"]
    found = [labels.name(index) for index in labels.search("lion", "en")]
    assert found == ["lion", "lionfish", "sea lion"]


def test_a_search_ignores_case_and_outer_spaces() -> None:
    labels = imagenet_labels()
    assert labels.search("  GOLDEN Ret ", "en") == labels.search("golden ret", "en") == (207,)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_search_finds_names_of_either_language(language: str) -> None:
    labels = imagenet_labels()
    assert labels.search("금붕어", language) == (1,)
    assert labels.search("goldfish", language) == (1,)


def test_a_search_finds_hangul_that_arrives_as_separate_letters() -> None:
    assert imagenet_labels().search(unicodedata.normalize("NFD", "금붕어"), "ko") == (1,)


def test_a_search_prefers_the_language_shown_among_equal_matches() -> None:
    labels = Labels(("x", "a one"), ("a 하나", "둘"))
    assert labels.search("a", "en") == (1, 0)
    assert labels.search("a", "ko") == (0, 1)


def test_an_exact_index_finds_its_class_first() -> None:
    assert imagenet_labels().search("207", "ko") == (207,)
    assert numbered_labels(30).search("1", "en")[:3] == (1, 10, 11)


def test_a_search_returns_no_more_than_the_limit() -> None:
    assert len(imagenet_labels().search("a", "en")) == 20
    assert len(imagenet_labels().search("a", "en", limit=5)) == 5


def test_a_search_for_nothing_lists_the_first_classes() -> None:
    assert imagenet_labels().search("", "en", limit=3) == (0, 1, 2)


def test_a_search_without_a_match_is_empty() -> None:
    assert imagenet_labels().search("unicorn", "en") == ()
    assert imagenet_labels().search("9" * 5000, "en") == ()


def test_classes_of_a_foreign_checkpoint_are_numbered() -> None:
    labels = numbered_labels(20)
    assert len(labels) == 20
    assert labels.name(17) == "class 17"
    assert labels.name(17, "ko") == "17번 클래스"
    with pytest.raises(SelectionError, match=r"there are 20 classes \(0-19\), got 20"):
        labels.name(20)


def test_a_class_is_named_in_both_languages_so_that_either_can_be_searched() -> None:
    labels = Labels(("cat", "dog"), ("고양이", "개"))
    assert labels.both(1) == "dog (개, 1)"
    assert labels.both(0, "ko") == "고양이 (cat, 0)"
    with pytest.raises(SelectionError):
        labels.both(2)
