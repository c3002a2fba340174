internal import ArgumentParser
internal import Glibc

/// The tool of whoever runs Meter or closes the books with it.
@main
struct Meterctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meterctl",
        abstract: "Looks into a Meter server, administers it, and checks its files.",
        discussion: """
            Most verbs talk to a running server through its administration socket (--data) or over HTTP \
            (--url, --key-file). `verify` and `inspect` read files and need no server.

            Data goes to stdout, everything else to stderr. `-o json` gives the server's own JSON, \
            `-o csv` the rows of the table for a spreadsheet.

              meterctl status
              meterctl usage input_tokens --by tenant -o csv > usage.csv
              meterctl help keys create

            Exit codes: 0 done; 1 failed; 2 differences found; 3 damage found; 4 refused as things \
            stand; 5 server or Waldur not reachable, or outcome unknown; 64 usage; 78 configuration; \
            130 interrupted.
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Usage and health",
                subcommands: [
                    StatusVerb.self, DoctorVerb.self, UsageVerb.self, DetailsVerbs.self,
                    SourcesVerbs.self, BookVerbs.self,
                ]
            ),
            CommandGroup(
                name: "Waldur",
                subcommands: [
                    ComponentsVerbs.self, OfferingVerbs.self, MapVerbs.self, ReportVerbs.self,
                    CarryVerbs.self, OrdersVerbs.self, ReconcileVerb.self,
                    ExplainVerb.self,
                ]
            ),
            CommandGroup(
                name: "Month end",
                subcommands: [
                    PeriodVerbs.self, AdjustVerbs.self, CreditVerbs.self, StatementVerbs.self,
                    RecountVerb.self,
                    ExportVerb.self,
                ]
            ),
            CommandGroup(
                name: "Events in",
                subcommands: [
                    KeysVerbs.self, LimitsVerbs.self, CountingVerbs.self, EmitVerb.self,
                    ReplayVerb.self,
                ]
            ),
            CommandGroup(
                name: "Files and configuration",
                subcommands: [
                    VerifyVerb.self, InspectVerb.self, RetentionVerbs.self, ConfigVerbs.self,
                ]
            ),
            CommandGroup(
                name: "Help",
                subcommands: [CompletionsVerb.self, ManualVerb.self]
            ),
        ]
    )

    static func main() async {
        // A reader that goes away is an error of the write, not the end of the process.
        _ = signal(SIGPIPE, SIG_IGN)
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let unknown = UnknownVerb.find(arguments, below: self) {
            Terminal.talk(unknown.description)
            exit(withError: ExitCode(ExitStatus.usage.rawValue))
        }
        await main(arguments)
    }
}
