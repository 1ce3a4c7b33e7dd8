"Signatures on the site: the fields of tuples and dataclasses, defaults by their names, annotations in short"
import inspect, re, sys
from importlib import import_module
import fastcore.docments as docments
from fastcore.basics import AttrDict
from fastcore.script import Param
from inspect import Parameter
from typing import ForwardRef
from gapfill_baseline._modidx import d

longest = 40 # letters of a default that are shown

def is_tuple(
    obj # what is documented
)->bool:
    "Check whether `obj` is a named tuple"
    return inspect.isclass(obj) and issubclass(obj, tuple) and hasattr(obj, '_fields')

def in_package(
    cls:type # a class that a notebook defined
)->type: # the class of the same name and fields in the package, whose source Python finds
    "Find the exported form of a class"
    if cls.__module__ != '__main__': return cls
    modules = [m for name,m in sys.modules.items() if name.startswith('gapfill_baseline')]
    found = (getattr(m, cls.__name__, None) for m in modules)
    return next((c for c in found if inspect.isclass(c) and c.__module__ != '__main__' and same_fields(c, cls)), cls)

def same_fields(a, b):
    "Check whether two classes have the same annotated names"
    return list(getattr(a, '__annotations__', {})) == list(getattr(b, '__annotations__', {}))

def comments(
    cls:type # a class with annotated fields
)->dict: # field -> comment beside it
    "Read the comments beside the fields of a class"
    try: source = inspect.getsource(in_package(cls))
    except (OSError, TypeError): return {}
    return {m[1]: m[2].strip() for m in re.finditer(r'^    (\w+):[^#\n]*#(.*)$', source, re.M)}

def fields(
    cls:type # a named tuple
)->AttrDict: # what fastcore knows of the parameters of a function
    "Describe the fields of a named tuple as parameters"
    said = comments(cls)
    annotations,defaults = cls.__annotations__,cls._field_defaults
    out = {name: AttrDict(docment=said.get(name), anno=annotations.get(name, Parameter.empty),
                          default=defaults.get(name, Parameter.empty), kind=Parameter.POSITIONAL_OR_KEYWORD)
           for name in cls._fields}
    return AttrDict(out)

def annotation_text(
    anno # an annotation, or the type of a default
)->str: # as the source writes it; empty where it tells nothing
    "Write an annotation"
    if isinstance(anno, Param): anno = anno.type or Parameter.empty
    if anno in (Parameter.empty, type(None)): return ''
    if isinstance(anno, ForwardRef): anno = anno.__forward_arg__
    text = anno if isinstance(anno, str) else getattr(anno, '__name__', None) if inspect.isclass(anno) or inspect.isfunction(anno) else str(anno)
    return re.sub(r"\b(typing|__main__|gapfill_baseline[\w.]*)\.|'", '', text or '')

def default_text(
    value, # default of a parameter
    names:dict # globals of the function
)->str:
    "Write a default: by its name where it is a function or long"
    if hasattr(value, '__name__'): return value.__name__
    text = repr(value)
    if len(text) <= longest and ' at 0x' not in text: return text
    return next((name for name,o in names.items() if o is value and not name.startswith('_')), '…')

def has_own_init(
    cls:type # what is documented
)->bool:
    "Check whether the package defines the `__init__` of a class"
    return getattr(cls.__init__, '__module__', '').startswith(('gapfill_baseline', '__main__'))

def named_parameters(
    parameters:AttrDict # of a function
)->AttrDict:
    "Leave out `*args` and `**kwargs`, which tell nothing where a class inherits them from elsewhere"
    stars = Parameter.VAR_POSITIONAL,Parameter.VAR_KEYWORD
    return AttrDict({name: p for name,p in parameters.items() if p.get('kind') not in stars})

class Signature(docments.DocmentText):
    "The signature of a function or class, with its comments"
    def __init__(self, obj, maxline=110, docstring=True):
        super().__init__(obj, maxline=maxline, docstring=docstring)
        if is_tuple(obj): self.dm = fields(obj)
        elif inspect.isclass(obj) and not has_own_init(obj): self.dm = named_parameters(self.dm)
        for p in self.dm.values():
            if isinstance(p.anno, Param) and not p.docment: p.docment = p.anno.help
        self.names = getattr(inspect.unwrap(obj) if callable(obj) else obj, '__globals__', {})

    def _fmt_param(self, nm, p):
        anno = annotation_text(p.get('anno', Parameter.empty))
        default = p.get('default', Parameter.empty)
        stars = {Parameter.VAR_POSITIONAL: '*', Parameter.VAR_KEYWORD: '**'}.get(p.get('kind'), '')
        value = '' if default is Parameter.empty else f'={default_text(default, self.names)}'
        return stars + nm + (f':{anno}' if anno else '') + value

    @property
    def _ret_str(self):
        ret = self.dm.get('return', {})
        anno = annotation_text(ret.get('anno', Parameter.empty))
        return f")->{anno}: # {ret['docment']}" if anno and ret.get('docment') else f")->{anno}:" if anno else '):'

    def __str__(self):
        text = super().__str__()
        return re.sub(r'^def ', 'class ', text) if inspect.isclass(self.obj) else text
    __repr__ = __str__

def modules():
    "Import every module of the package"
    names = [n for n in d['syms'] if n != 'gapfill_baseline.hls'] # which warns that it moved
    return [import_module(n) for n in names]

def public_names():
    "List all names that the package exports"
    return {name for m in modules() for name in getattr(m, '__all__', ())}

def use():
    "Let nbdev's `show_doc` write signatures in this way"
    modules() # so that the source of each class is found
    docments.DocmentText = Signature
