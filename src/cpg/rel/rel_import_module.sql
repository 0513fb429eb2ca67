-- relspec: name=rel.import_module

-- What each import leads to: a module of these sources (`from relspec.core import plan` leads to relspec.core.plan),
-- the standard library, or something that is not known here. Two files may be one module; then it leads to both. What a
-- package itself imports from elsewhere hides a module in it that has the same name: unittest.main is a class.
with hidden as (
    select distinct package.module_fqn || '.' || imports.bound_name as module_fqn
    from imports
    inner join modules as package on package.file_id = imports.file_id
    where imports.is_module_level
        and imports.abs_module || '.' || imports.name <> package.module_fqn || '.' || imports.bound_name
),

targets as (
    select
        imports.import_id,
        imports.file_id,
        coalesce(submodule.module_fqn, imports.abs_module) as abs_module,
        ext.origin,
        submodule.module_id as submodule_id,
        module.module_id
    from imports
    left join hidden on hidden.module_fqn = imports.abs_module || '.' || imports.name
    left join modules as submodule
        on submodule.module_fqn = imports.abs_module || '.' || imports.name and hidden.module_fqn is null
    left join modules as module on module.module_fqn = imports.abs_module
    left join ext_modules as ext on ext.module = split_part(imports.abs_module, '.', 1)
)

select distinct
    import_id as src,
    coalesce(submodule_id, module_id, 'ext:' || left(md5(abs_module), 16)) as dst,
    file_id,
    abs_module,
    case
        when submodule_id is not null then 'internal_submodule'
        when module_id is not null then 'internal_module'
        else coalesce(origin, 'unresolved')
    end as method
from targets
