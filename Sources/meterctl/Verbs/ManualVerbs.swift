internal import ArgumentParser

struct CompletionsVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Writes what a shell needs to complete verbs, options and names.",
        discussion: """
            Tenants, agents, components and keys are asked of the server as you type, for a second at \
            most; without one they are left out.

              meterctl completions bash > ~/.local/share/bash-completion/completions/meterctl
              meterctl completions zsh > ~/.zfunc/_meterctl
              meterctl completions fish > ~/.config/fish/completions/meterctl.fish
            """
    )

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var shell: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    @Argument(help: "Which shell.")
    var shell: Shell

    func perform() async throws(CommandFailure) {
        let script = Meterctl.completionScript(for: shell.shell)
        Terminal.data(script.hasSuffix("\n") ? script : script + "\n")
    }
}

struct ManualVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Writes the manual page.",
        discussion: """
            The page is made of what --help says, so both agree.

              meterctl manual | man -l -
              meterctl manual > /usr/local/share/man/man1/meterctl.1
            """
    )

    func perform() async throws(CommandFailure) { Terminal.data(try ManualPage.text()) }
}
