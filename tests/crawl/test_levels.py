from wit_builder.crawl.levels import depth_of, holds_sitemaps, next_hop, page_level, sitemap_level


def test_sitemaps_stand_between_the_seeds_and_depth_1():
    levels = [
        page_level(0),
        next_hop(page_level(0)),
        sitemap_level(),
        next_hop(sitemap_level()),
        page_level(1),
    ]
    assert levels == sorted(levels)
    assert [holds_sitemaps(level) for level in levels] == [False, False, True, True, False]


def test_a_redirect_leaves_the_depth_as_it_is_up_to_five_times():
    level, hops = page_level(3), 0
    while (further := next_hop(level)) is not None:
        level, hops = further, hops + 1
    assert (hops, depth_of(level), holds_sitemaps(level)) == (5, 3, False)


def test_sitemaps_nest_three_deep():
    level, nested = sitemap_level(), 0
    while (further := next_hop(level)) is not None:
        level, nested = further, nested + 1
    assert (nested, depth_of(level), holds_sitemaps(level)) == (3, 0, True)
