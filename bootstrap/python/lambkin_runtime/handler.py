"""Finds and loads the function that a handler string such as "src/app.handler" names."""

import importlib
import sys

from .failure import Failure, user_frames


def load(name):
    """Gives the handler; fails with one of Lambda's init error types, or with what the module itself raised."""
    module_name, function_name = split(name)
    module = _import(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Failure("Runtime.HandlerNotFound", message) from None


def split(name):
    """Splits "folder/module.function" at the last dot; slashes and dots both lead into packages."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot or not module_name or not function_name:
        raise Failure("Runtime.MalformedHandlerName", "Bad handler '%s': want module.function" % name)
    return module_name.replace("/", "."), function_name


def _import(module_name):
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module %s as a handler module" % module_name
        raise Failure("Runtime.BuiltInModuleConflict", message)
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module_name, error)
        raise Failure("Runtime.ImportModuleError", message, user_frames(error)) from error
    except SyntaxError as error:
        message = "Syntax error in module '%s': %s" % (module_name, error)
        where = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        raise Failure("Runtime.UserCodeSyntaxError", message, [where]) from error
