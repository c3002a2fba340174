internal import ArgumentParser

/// The tool of whoever runs Meter or closes the books with it.
@main
struct Meterctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meterctl",
        abstract: "Looks into a Meter server, administers it, and checks its files.",
        discussion: """
            Most verbs talk to a running server through its administration socket (--data, --socket) or \
            over HTTP (--url, --key-file). `verify` and `inspect` read files and need no server.

            Data goes to stdout, everything else to stderr. `-o json` gives the server's own JSON.

            Exit codes: 0 done; 1 failed; 2 differences found; 3 damage found; 4 refused as things \
            stand; 5 server or Waldur not reachable, or outcome unknown; 64 usage; 78 configuration; \
            130 interrupted.
            """,
        version: "0.1.0",
        subcommands: [
            StatusVerb.self, EmitVerb.self, ReplayVerb.self, UsageVerb.self, SourcesVerbs.self,
            VerifyVerb.self, InspectVerb.self, BookVerbs.self, ReportVerbs.self,
            CarryVerbs.self, ReconcileVerb.self, KeysVerbs.self, MapVerbs.self,
            ComponentsVerbs.self, DetailsVerbs.self,
            ConfigVerbs.self,
        ]
    )
}
