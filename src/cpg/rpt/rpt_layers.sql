-- relspec: name=rpt.layers kind=materialization

-- Who imports whom, by folders: the second part of a module's name is its layer. Nothing below may import from above.
select
    split_part(module_fqn, '.', 1) as package,
    split_part(module_fqn, '.', 2) as importer,
    split_part(abs_module, '.', 2) as imported,
    count(distinct module_fqn) as n_modules,
    sum(n_imports)::bigint as n_imports
from rpt_module_deps
where method in ('internal_module', 'internal_submodule')
    and split_part(module_fqn, '.', 1) = split_part(abs_module, '.', 1)
    and split_part(abs_module, '.', 2) <> ''
group by all
order by all
