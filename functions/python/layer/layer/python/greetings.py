def greet(name):
    return f"Good day, {name}."
