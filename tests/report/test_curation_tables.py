"""Table 1 beside the paper's."""

import pandas as pd

from dance_tf.audit.published import TABLE_1
from dance_tf.dataset.arrays import gather
from dance_tf.report.curation_tables import beside_paper_frames, frames_by_style, frames_table


def counted(styles, kept=100):
    """As `frames_by_style` counts: a row a style and a total."""
    published = {row.style: row.frames for row in TABLE_1}
    rows = [(style, 2, kept + 5, 5, kept, published.get(style)) for style in styles]
    table = pd.DataFrame(rows, columns=["style", "clips", "seen", "blank", "kept", "paper"]).astype({"paper": "Int64"})
    table.loc[len(table)] = {"style": "all", **table.drop(columns="style").sum()}
    return table


def test_each_style_stands_beside_the_paper():
    table = beside_paper_frames(counted([row.style for row in TABLE_1])).set_index("style")
    assert list(table.columns)[-5:] == ["paper", "ours", "difference", "interval", "runs"]
    assert list(table.loc["Tokyo", ["paper", "ours", "difference"]]) == [22_365, 100, -22_265]
    assert list(table.loc["all", ["paper", "ours", "difference"]]) == [263_471, 1200, -262_271]
    assert (set(table["interval"]), set(table["runs"])) == ({"–"}, {1})


def test_where_styles_are_missing_or_strange_the_total_stands_alone():
    for styles in (["Tokyo", "Laxed"], [*(row.style for row in TABLE_1), "Waltz"]):
        table = beside_paper_frames(counted(styles)).set_index("style")
        assert table.loc["Tokyo", "difference"] == -22_265
        assert table.loc["all", ["paper", "difference"]].isna().all()
    assert table.loc["Waltz", ["paper", "difference"]].isna().all()


def test_frames_of_a_dataset_are_counted_by_style(blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=3, frames=4))
    table = frames_table(frames_by_style(dataset)).frame
    kept = [int((dataset.labels == style).sum()) for style in (0, 1)]
    assert table["ours"].tolist() == [*kept, sum(kept)]
    assert table["clips"].tolist() == [3, 3, 6]
