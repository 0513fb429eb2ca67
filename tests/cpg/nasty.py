"""Small sources that are as hard to read as Python allows."""

import sys

NASTY = {
    "around_scopes": """
@(lambda f: [d for d in f] and f)
def genexpr(a=(x for x in y), b=(lambda: 1), *, k: (lambda: 2) = (lambda: 3), **m: {n: o for n, o in p}) -> lambda: 4:
    return (p for p in (q for q in r) if (lambda p: p)(p) for s in (lambda: p)())
class listcomp([x for x in bases][0], metaclass=(lambda: type)()):
    a = 1
    b = [a for c in range(a) if [c for c in range(a)]]
    def __init__(self): super().__init__(); self.x = [__class__ for _ in self]
""",
    "namesakes": """
def f(): pass
def f(): pass
if f:
    class f:
        def f(self): pass
        f = property(f); f = lambda: 1; f = lambda: (lambda: 2, lambda: 3)
a, b = [c for c in d], [c for c in e]
""",
    "declared": """
x = 1
def f():
    global x, y
    z = 2
    u: int
    def g():
        nonlocal z
        z += x
        def h(): return z, x, late
        return [z := w for w in (lambda: z)()], [[y := v for v in w] for w in z]
    class C:
        nonlocal z
        global x
        z = x = z
        def m(self): return z, x
    del x
    return f
[last := n for n in range(3)]
""",
    "bound_otherwise": """
import a.b.c, d.e as f
from . import g as h
from ..i import *
try:
    pass
except (E, F) as error:
    del error
match x:
    case {"k": v, **rest} if v: pass
    case [first, *others] | K(first, others=others): pass
    case A.B | -1 | None as whole: pass
    case _: pass
with o as (p, [q, *r]), s: pass
for t.u, v[w] in x: pass
async def main():
    async with o as p: await p
    async for i in p: yield i
    return
    [j async for j in p]
""",
    "private": """
class _:
    __x = 1
    def __f(self): return __x, self.__g(), __h.i()
class __A:
    import __m, __n.q, __o as __p
    __dunder__ = __m
    class B(__x.y): __z__ = ___w
    def f(self, __a, *, __k=__z): return [__a for __b in __k], lambda __c: __c, __func()
""",
    "calls": """
f(); a.b.c(1, *two, k=3, **more); f()(); a[0].b(); (a).b(); (a.b)(); "s".join(x); 1.0.real(); (yield_ := g)(h(i))
x = f'{f(y)!r:>{g(z)}}' f"{h()}"; print(*a, sep="")
class D(a.b, Generic[T], f(), *bases, metaclass=M): pass
""",
    "text": (
        "def \ufb01x(\u00e9, \u00b5=1):\r    return '\u00e9', \ufb01x(\u00e9)  # TODO \u00e9\r\n"
        "x = '''\x0c\n# TODO no\n'''; y = \u00e9\n\x0cz = '\u2028'  # XXX"
    ),
    "unevaluated": """
from __future__ import annotations
def f(a: (lambda: [x for x in y]), b=(lambda: 1)) -> (z for z in y): return a
class C:
    a: C = lambda: 2
""",
}

if sys.version_info >= (3, 12):
    NASTY["generic"] = """
def f[T: int, *Ts, **P](x: T, y: T = g) -> [z for z in T]: return T
def genexpr[T](a=(x for x in y)): return f"{x["#"]}"
@d
class C[T: (lambda: T)](Base[T], metaclass=[m for m in T]):
    a: T
    def m[U](self, u: U) -> T: return [U for _ in T]
    type A[K] = dict[K, T]
    __p = 1
    def __q[__R: __p](self, __s: __R = __p): return __R, __p
type X = int
type Y[V] = list[V]
def T[T: int](): pass
"""

if sys.version_info >= (3, 13):
    NASTY["generic_defaults"] = """
class C[T: (lambda: 1) = (lambda: 2), *U = int, **P = [x for x in y]]: pass
class __A[__T: __u](__B, __T.c, k=__D):
    x: __T
    class I[__S](__E): pass
def __f[__T](a: __T): pass
type Z[T = int] = T
"""
