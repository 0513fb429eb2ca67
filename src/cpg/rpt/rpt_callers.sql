-- relspec: name=rpt.callers kind=view

-- Who calls what, and where: each call that leads to a definition, with the function or class around it, or its module.
with around as (
    select scope_id, scope_id as at_id, 0 as depth
    from scopes
    union all
    select
        'scope:' || left(md5(file_id || '|' || scope_key), 16) as scope_id,
        'scope:' || left(md5(file_id || '|' || ancestor_key), 16) as at_id,
        depth
    from raw_scope_ancestors
),

within as (
    select around.scope_id, arg_min(defs.def_fqn, (around.depth, defs.def_fqn)) as caller
    from around
    inner join defs on defs.body_scope_id = around.at_id
    group by around.scope_id
)

select
    callee.def_fqn as callee,
    coalesce(within.caller, modules.module_fqn) as caller,
    modules.path,
    cpg_spans.lineno,
    rel_call_callee.method,
    rel_call_callee.confidence
from rel_call_callee
inner join calls on calls.call_id = rel_call_callee.src
inner join defs as callee on callee.def_id = rel_call_callee.dst
inner join modules on modules.file_id = calls.file_id
inner join cpg_spans on cpg_spans.node_id = calls.call_id
left join within on within.scope_id = calls.scope_id
