-- relspec: name=norm.imports

-- Imports with the absolute name of the module they mean: `from ..core import plan` in relspec.edges.store.read means
-- relspec.core. Each dot after the first goes up one package; where that leaves all packages, the dots stay.
select
    'import:' || left(md5(raw.file_id || '|' || raw.scope_key || '|' || raw.stmt_ord || '|' || raw.alias_ord), 16)
        as import_id,
    raw.file_id,
    'scope:' || left(md5(raw.file_id || '|' || raw.scope_key), 16) as scope_id,
    case
        when raw.level = 0 then raw.module
        when src.package_fqn = '' or raw.level > len(string_split(src.package_fqn, '.'))
            then repeat('.', raw.level) || coalesce(raw.module, '')
        else concat_ws(
            '.',
            array_to_string(list_slice(string_split(src.package_fqn, '.'), 1, -raw.level), '.'),
            raw.module
        )
    end as abs_module,
    raw.name,
    raw.bound_name,
    raw.asname,
    raw.is_star,
    regexp_matches(raw.scope_key, '^/[^/]+$') as is_module_level
from raw_imports as raw
inner join src_files as src on src.file_id = raw.file_id
