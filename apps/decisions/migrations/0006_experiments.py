"""Experiments and holdouts among the drafts: whoever writes them, or what they show, marks them."""

from django.db import migrations

# table -> (the mark's name, columns that say nothing of what is published, what a row marks)
_MARKS = {
    "experiments_experiment": (
        "touch",
        "name,hypothesis,looking,looks,alpha,power,baseline,mde_relative,per_arm,min_days,"
        "is_unplanned,learnings,winner,revision,coverage,factors,condition,layer_share",
        "SELECT r.site_id, 'experiment', r.id",
    ),
    "experiments_phase": (
        "touch",
        "",
        """
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            WHERE e.id = r.experiment_id""",
    ),
    "experiments_holdout": ("touch", "name,rotates_days", "SELECT r.site_id, 'holdout', r.id"),
    "content_placement": (
        "touch_experiments",
        "name,revision",
        """
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            WHERE e.placement_id = r.id AND e.state = 'running'""",
    ),
    "content_variant": (
        "touch_experiments",
        "version,digest,published_at,name",
        """
        SELECT e.site_id, 'experiment', e.id FROM experiments_experiment e
            JOIN content_placement p ON p.id = e.placement_id
            WHERE p.block_id = r.block_id AND e.state = 'running'""",
    ),
}
_MARK = """
CREATE FUNCTION decisions_{name}_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{{{ignored}}}'::text[] =
            to_jsonb(OLD) - '{{{ignored}}}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) {old};
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO decisions_touched (site_id, kind, object_id) {new};
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER decisions_{name} AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION decisions_{name}_{table}();
"""
_FORWARD = "".join(
    _MARK.format(
        table=table,
        name=name,
        ignored=ignored,
        old=marks.replace("r.", "OLD."),
        new=marks.replace("r.", "NEW."),
    )
    for table, (name, ignored, marks) in _MARKS.items()
)
_BACKWARD = "".join(
    f"DROP TRIGGER decisions_{name} ON {table}; DROP FUNCTION decisions_{name}_{table}();\n"
    for table, (name, _, _) in _MARKS.items()
)


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0007_assets"),
        ("decisions", "0005_served_days"),
        ("experiments", "0001_experiments"),
    ]
    operations = [migrations.RunSQL(_FORWARD, _BACKWARD)]
