//! `cargo xtask migrate`: bring a database to schema.sql.

use anyhow::Result;
use landfall_engine::{Interrupt, Settings};

use crate::cli;
use crate::environment;
use crate::error::Error;
use crate::local::{Consent, Local};
use crate::project::Project;
use crate::task::Task;
use crate::text;
use crate::ui::Ui;

impl Task for cli::Migrate {
    const NAME: &'static str = "migrate";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        refuse_values_under_ci(&self)?;
        let (check, consent) = (self.check, consent(&self));
        let local = local(project, self, interrupt);
        if check {
            return Ok(if local.check(ui)? { 0 } else { 4 });
        }
        local.bring(consent, ui)?;
        Ok(0)
    }
}

fn consent(args: &cli::Migrate) -> Consent {
    if args.dry_run {
        Consent::DryRun
    } else if args.auto_approve {
        Consent::Given
    } else {
        Consent::Ask
    }
}

/// Logs of CI are kept and read by many.
fn refuse_values_under_ci(args: &cli::Migrate) -> Result<()> {
    if args.show_values && environment::is_ci() {
        let message = "--show-values is refused under CI: its logs would carry values of rows";
        return Err(Error::usage("--show-values", message).remedy("leave --show-values out").into());
    }
    Ok(())
}

fn local(project: &Project, args: cli::Migrate, interrupt: &Interrupt) -> Local {
    let own = Local::new(project, interrupt);
    let mut command = own.command;
    for (flag, path) in [("--db", &args.db), ("--schema", &args.schema)] {
        if let Some(path) = path {
            command += &format!(" {flag} {}", text::shell_word(&path.display().to_string()));
        }
    }
    Local {
        make_folder: args.db.is_none(),
        db: args.db.unwrap_or(own.db),
        schema: args.schema.unwrap_or(own.schema),
        verbose: args.verbose,
        settings: Settings {
            planner: args.planner.unwrap_or(own.settings.planner),
            proof: args.proof.unwrap_or_default(),
            allow: args.allow,
            lock_wait: args.lock_wait,
            show_values: args.show_values,
            ..own.settings
        },
        command,
    }
}
