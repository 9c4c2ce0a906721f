from pathlib import Path
import yaml
def read(path, model, *, check_env):
    from scenarios.errors import ScenarioError
    data = yaml.load(Path(path).read_text(), Loader=yaml.CSafeLoader)
    data.setdefault("name", Path(path).stem)
    p = data.get("conversation", {}).get("prompts")
    if isinstance(p, str):
        import json
        for base in (Path(path).parent, Path(__file__).parent):
            if (base / p).exists():
                data["conversation"]["prompts"] = [json.loads(l) for l in (base / p).read_text().splitlines() if l.strip()]
                break
    try:
        return model.model_validate(data)
    except ValueError as e:
        raise ScenarioError([f"{path}:1:1: {x['loc']}: {x['msg']}" for x in e.errors()]) from None
