-- relspec: name=norm.diags kind=view

-- What is to be said about files, as severe as data/severity_rules.csv has it.
select
    'diag:' || left(md5(raw.file_id || '|' || raw.code || '|' || raw.message || '|' || raw.ord), 16) as diag_id,
    raw.file_id,
    raw.code,
    coalesce(rule.severity, 'unknown') as severity,
    raw.message
from raw_diags as raw
left join severity_rules as rule on rule.code = raw.code
