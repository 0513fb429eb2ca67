-- relspec: name=rel.binding_resolves kind=materialization

-- Where a name comes from that does not belong to the scope that uses it. A free name, and one that is declared
-- nonlocal, comes from the nearest function around that declares it: names of classes are not seen from within. Any
-- other comes from the module, if that declares it; else it is a builtin.
with outside as (
    select
        bindings.binding_id,
        bindings.file_id,
        bindings.binding_kind,
        above.depth,
        -- By its id, as norm.bindings gives it: joined by file and name, all scopes of a file would meet first.
        'binding:' || left(md5(above.file_id || '|' || above.ancestor_key || '|' || bindings.name), 16) as outer_id
    from bindings
    inner join raw_scope_ancestors as above
        on above.file_id = bindings.file_id
        and above.scope_key = bindings.scope_key
        and above.ancestor_kind
            = case when bindings.binding_kind in ('free', 'nonlocal') then 'function' else 'module' end
    where not bindings.declared_here
)

select
    outside.binding_id as src,
    outside.outer_id as dst,
    outside.file_id,
    outside.binding_kind as method,
    outside.depth
from outside
inner join bindings as declaring on declaring.binding_id = outside.outer_id and declaring.declared_here
qualify
    row_number() over (
        partition by outside.binding_id
        order by outside.depth, outside.outer_id, outside.file_id, outside.binding_kind
    ) = 1
