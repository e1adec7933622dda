"""The `ortbench` command. Each verb lives in a file of its own and is imported only when it is called."""

import sys
from importlib import import_module

import click

from bench.errors import BenchError

VERBS = {  # verb -> (module, one line of help): listed here so that --help imports none of them
    "run": ("run", "Measure a suite, a shipped suite by name, or one ONNX file."),
    "resume": ("resume", "Finish a run that was interrupted."),
    "check": ("check", "Check a suite and report every mistake at once."),
    "plan": ("plan", "Show what a suite would measure, and what it would skip and why."),
    "schema": ("schema", "Print the suite's JSON Schema, for editors."),
    "models": ("models", "List, fetch and show models."),
    "machine": ("machine", "Tell which targets this machine can measure, and what the others miss."),
    "env": ("env", "List, build and clean the runtimes' environments."),
    "show": ("show", "Show a finished run as a table."),
    "explain": ("explain", "Say why a variant is slower or faster than FP32."),
    "recommend": ("recommend", "Name the fastest valid choice for each model."),
    "duel": ("duel", "Measure two versions, options or models together, and tell what got slower."),
    "compare": ("compare", "Compare two stored runs, cell by cell."),
    "verify": ("verify", "Check an exported model against its origin, and name the node where they part."),
    "selfcheck": ("selfcheck", "Find out how small a change this machine lets a duel find."),
    "export": ("export", "Write a run as CSV or JSON."),
    "report": ("report", "Write one or more runs as an HTML report."),
}


class Verbs(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"bench.cli.{VERBS[name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"Verbs are {', '.join(VERBS)}."
            raise click.UsageError(f"There is no verb `{args[0]}`. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ortbench", prog_name="ortbench")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def group(debug: bool) -> None:
    """Which runtime, execution provider, precision and batch size to deploy a model with, on this machine."""


def main() -> None:
    """Run the command; turn every error into a sentence, a next step and an exit code."""
    try:
        code = group.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        code = 130
    except BrokenPipeError:
        code = 1
    except BenchError as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"ERROR  {error.message}", err=True)
        if error.hint:
            click.echo(f"next:  {error.hint}", err=True)
        code = error.exit_code
    except Exception as error:  # a bug of ours: still a sentence, and how to see more
        if "--debug" in sys.argv:
            raise
        click.echo(f"ERROR  {type(error).__name__}: {error}", err=True)
        click.echo(
            "next:  This is a fault in ortbench. Run it again as `ortbench --debug ...` and report what it prints.",
            err=True,
        )
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
