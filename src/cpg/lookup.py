"""Finds the definitions that a name, plain or with attributes, may mean in the scope in which it stands.

What is looked up are rows of `use_id, scope_id, root, dotted`: `root` is the name before the first dot of `dotted`.
What is found are rows of `use_id, def_id, method`.
"""

import ibis
from ibis import _


def by_name(ctx, uses):
    """Look plain names up among those that are known to mean a definition."""
    known = ctx.table("rel_ref_def").select("scope_id", "method", root="name", def_id="dst").distinct()
    plain = uses.filter(_.root == _.dotted)
    return plain.inner_join(known, ["scope_id", "root"]).select("use_id", "def_id", "method")


def by_module(ctx, uses):
    """Look names up that lead through an imported module: `m.f`, whatever m is called where it is used."""
    bindings = ctx.table("bindings").select("binding_id", "scope_id", root="name")
    rooted = uses.filter(_.root != _.dotted).inner_join(bindings, ["scope_id", "root"])
    rooted = rooted.inner_join(ctx.table("binding_roots"), "binding_id").inner_join(imported(ctx), "root_binding_id")
    rooted = rooted.select("use_id", "means", "root", "dotted")
    found = rooted.select("use_id", fqn=_.means + _.dotted.substr(_.root.length()))
    found = found.inner_join(exported(ctx), "fqn").select("use_id", "def_id").distinct()
    return found.mutate(method=ibis.literal("module_attr"))


def imported(ctx):
    """Say which dotted name each binding stands for that an import gives its value."""
    imports = ctx.table("imports")
    plain = imports.asname.isnull().ifelse(imports.bound_name, imports.abs_module)
    means = imports.name.isnull().ifelse(plain, imports.abs_module + "." + imports.name)
    bound = ctx.table("rel_import_binding").select(import_id="src", binding_id="dst")
    named = imports.select("import_id", means=means).inner_join(bound, "import_id")
    return named.inner_join(ctx.table("binding_roots"), "binding_id").select("root_binding_id", "means").distinct()


def exported(ctx):
    """Find what can be had from each module by its dotted name: what it defines, and what it imports itself."""
    own = ctx.table("defs").filter(_.is_module_level).select("def_id", fqn="def_fqn")
    modules = ctx.table("modules").select("file_id", "module_fqn")
    known = ctx.table("rel_import_def").select(import_id="src", def_id="dst")
    passed = ctx.table("imports").filter(_.is_module_level).inner_join(known, "import_id")
    passed = passed.inner_join(modules, "file_id")
    return own.union(passed.select("def_id", fqn=passed.module_fqn + "." + passed.bound_name))
