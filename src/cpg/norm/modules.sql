-- relspec: name=norm.modules kind=view

-- Every source file as a module.
select
    'module:' || left(md5(file_id), 16) as module_id,
    module_fqn,
    package_fqn,
    file_id,
    path,
    is_init,
    line_count
from src_files
