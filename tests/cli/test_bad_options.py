"""What is mistyped on the command line ends in one sentence and a hint, and starts nothing."""

import pytest

CRAWL = ("build", "crawl", "--seeds", "http://localhost/")

TYPED = {  # what is typed: what is said, what is hinted
    ("biuld",): ("no command is called 'biuld'", "wit build"),
    ("qqqqq",): ("no command is called 'qqqqq'", "wit --help"),
    ("build", "demo", "--pgaes", "60"): (
        "`wit build demo` has no option --pgaes",
        "did you mean --address or --pages?",
    ),
    ("build", "demo", "--qqqqq"): ("`wit build demo` has no option --qqqqq", "wit build demo --help"),
    ("build", "--pages", "60", "demo"): (
        "`wit build` has no option --pages",
        "options come after it: wit build RECIPE --pages",
    ),
    ("--json", "show", "x"): ("`wit` has no option --json", "options come after it: wit COMMAND --json"),
    ("build", "demo", "--pages", "x"): ("--pages: 'x' is not a valid integer", "wit build demo --help"),
    ("build", "demo", "--pages"): ("option '--pages' requires an argument", "wit COMMAND --help"),
    ("build", "demo", "more"): (
        "`wit build demo`: got unexpected extra argument (more)",
        "wit build demo --help",
    ),
    ("build", "demo", "--pages", "9"): (
        "recipe demo: DemoWeb.pages is 9, expected 10 to 1000000",
        "wit build demo --help",
    ),
    ("build", "demo", "--seed", str(2**63)): ("a recipe holds integers of 64 bits, not 64 bits", ""),
    ("build", "demo", "--address", "head:6379"): (
        "--address is that of a Ray cluster, and tasks run --executor local",
        "--executor ray --address head:6379",
    ),
    ("build", "demo", "--workers", "0"): (
        "--workers: 0 is not in the range 1<=x<=1024",
        "wit build demo --help",
    ),
    ("build", "demo", "--until", "slect"): (
        "--until: 'slect' is not one of 'collect', 'select', 'fetch', 'clean', 'pack'",
        "--until select",
    ),
    ("build", "demo", "--until", "99"): (
        "--until: '99' is not one of 'collect', 'select', 'fetch', 'clean', 'pack'",
        "wit build demo --help",
    ),
    ("build", "crawl"): ("`wit build crawl` needs --seeds", "wit build crawl --seeds TEXT"),
    (*CRAWL, "--scope", "hsot"): ("--scope: 'hsot' is not one of 'host', 'domain', 'any'", "--scope host"),
    (*CRAWL, "--delay", "soon"): ("--delay: 'soon' is not a valid float", "wit build crawl --help"),
    (*CRAWL, "--delay", "nan"): ("Politeness.host_delay_s is nan, expected a number of at least 0", ""),
    (*CRAWL, "--delay", "-1"): ("Politeness.host_delay_s is -1.0, expected a number of at least 0", ""),
    (*CRAWL, "--delay", "inf"): ("Politeness.host_delay_s is inf, expected a number of at least 0", ""),
    (*CRAWL, "--size", "0"): ("image size is 0, expected 1 to 65535", ""),
    (*CRAWL, "--min-side", "0"): ("ImageSize.min_side is 0, expected at least 1", ""),
    (*CRAWL, "--near-duplicates", "256"): (
        "Duplicates.radius is 256; PDQ hashes differ in 0 to 255 bits",
        "",
    ),
    (*CRAWL, "--languages", "english"): (
        "--languages 'english' is no language that lid.176 tells; those near it: en",
        "--languages en",
    ),
    (*CRAWL, "--include", "("): (
        "'(' is no regular expression: missing ), unterminated subpattern at position 0",
        "",
    ),
    (*CRAWL, "--contact", "a\nX-Evil: 1"): (
        r"WebSettings.contact is 'a\nX-Evil: 1', expected one line of at most 200 characters",
        "",
    ),
    (*CRAWL, "--contact", "名前"): (
        "WebSettings.contact is '名前', and a header holds ASCII characters only",
        "give a mail address, or https://... of a page about your crawl",
    ),
    (*CRAWL, "--name", ""): ("Recipe.name is empty", 'name="birds"'),
    ("build", "crawl", "--seeds", "https://example.org/"): (
        "a crawl of example.org needs an address where its owner can reach you",
        "--contact me@example.org, or WebSettings(contact=...) in a recipe of your own",
    ),
    ("show",): ("`wit show` needs OUT", "wit show OUT"),
    ("show", "nowhere"): ("there is no folder 'nowhere'", "wit build NAME --out FOLDER makes one"),
    ("retry", "nowhere", "--only", "dns"): (
        "'nowhere' holds no build",
        "give the folder that `wit build --out` wrote",
    ),
    ("verify", "nowhere"): (
        "nowhere holds no finished build: manifest/shards.parquet is not there",
        "give the folder that `wit build --out` wrote",
    ),
    ("retry", "nowhere"): ("`wit retry` needs --only", "wit retry --only TEXT"),
    **{
        (*words, "--executor", "outside"): (
            "workers need the folder of the run, and that of s3://bucket/run is a scratch folder here",
            "--scratch /shared/FOLDER, which all machines see",
        )
        for words in (
            ("fetch", "list.txt", "--contact", "me@example.org", "--out", "s3://bucket/run"),
            ("retry", "s3://bucket/run", "--only", "dns"),
        )
    },
    **{
        (*words, "--out", "s3://bucket/run"): (
            "--out: 's3://bucket/run' is no folder of this machine, where it is written",
            f"wit {' '.join(words)} --help",
        )
        for words in (("ablate",), ("audit",), ("eval",), ("audit", "train-detector"), ("eval", "robustness"))
    },
    ("demo-web", "--port", "99999"): ("--port: 99999 is not in the range 0<=x<=65535", "wit demo-web --help"),
}


@pytest.mark.parametrize("typed", TYPED, ids=" ".join)
def test_a_mistyped_command_is_one_sentence_and_a_hint(wit, tmp_path, typed):
    said = wit(*typed)
    assert (said.error, said.hint) == TYPED[typed]
    assert (said.code, said.out) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_a_word_that_is_no_reason_is_refused_beside_one_that_is(wit, tmp_path):
    said = wit("retry", "nowhere", "--only", "http_404,not_a_reason")
    assert (said.code, said.error) == (2, "--only not_a_reason: no download fails for such a reason")
    assert wit("retry", "nowhere", "--only", "dns,timeuot").hint == "--only timeout"


def test_a_retry_of_what_was_fetched_names_the_command_that_does_it(wit, tmp_path):
    (tmp_path / "00000_stats.json").write_text("{}")
    said = wit("retry", ".", "--only", "dns,5xx")
    assert (said.code, said.hint) == (2, "wit fetch ... --retry dns,5xx")


@pytest.mark.parametrize("network", ["nonsense", "127.0.0.0/99", "300.1.1.1/8"])
def test_a_network_that_is_none_is_refused_before_anything_is_started(wit, tmp_path, network):
    said = wit(*CRAWL, "--allow-network", network)
    assert said.error.startswith(f"'{network}' is no network")
    assert (said.code, list(tmp_path.iterdir())) == (2, [])


def test_a_file_instead_of_a_folder_is_refused(wit, tmp_path):
    (tmp_path / "out").touch()
    said = wit("build", "demo", "--out", "out").error
    assert said == "'out' cannot be a folder: there is a file in the way"


@pytest.mark.parametrize("scratch", ["file", "file/below"])
def test_a_file_instead_of_a_scratch_folder_is_named(wit, tmp_path, scratch):
    (tmp_path / "file").touch()
    said = wit("build", "demo", "--out", "s3://bucket/run", "--scratch", tmp_path / scratch)
    assert said.error == (
        f"scratch folders cannot lie in '{tmp_path / scratch}': '{tmp_path / 'file'}' is a file"
    )
    assert (said.code, said.hint) == (2, "--scratch FOLDER, or WIT_SCRATCH=FOLDER")


def test_where_no_cluster_answers_nothing_is_begun(wit, tmp_path):
    pytest.importorskip("ray", reason="pip install ray")
    said = wit("build", "demo", "--executor", "ray", "--address", "127.0.0.1:9")
    assert said.error.startswith("no Ray cluster answers at '127.0.0.1:9': ")
    assert (said.code, list(tmp_path.iterdir())) == (2, [])


def test_a_text_that_is_not_unicode_is_refused(wit):
    said = wit("build", "crawl", "--seeds", "http://localhost/", "--name", "\udcff")
    assert (said.code, "\\udcff" in said.error) == (2, True)


def test_without_a_recipe_the_help_is_shown(wit):
    said = wit("build")
    assert (said.code, said.out, "Recipes:" in said.err) == (2, "", True)
