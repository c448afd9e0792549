//! A pane of GraphiQL that lists the examples which fit this server's schema and opens each in a tab of its own.

import type { GraphiQLPlugin } from "@graphiql/react";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { parse, validate } from "graphql";
import { useMemo } from "react";
import { type Example, examples, fillIds, laidOut } from "./examples";
import { readIds } from "./read-ids";

export const examplesPlugin: GraphiQLPlugin = { title: "Examples", icon: ExamplesIcon, content: Examples };

function Examples() {
  const schema = useGraphiQL((state) => state.schema);
  const { addTab, setOperationFacts, updateActiveTabValues } = useGraphiQLActions();
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const fitting = useMemo(
    () => (schema ? examples.filter((example) => validate(schema, parse(example.query)).length === 0) : []),
    [schema],
  );
  const open = async (example: Example) => {
    const variables = JSON.stringify(fillIds(example.variables, await readIds()), null, 2);
    addTab();
    const query = laidOut(example);
    updateActiveTabValues({ query, variables, operationName: example.name });
    // The editors follow the tab only when it is changed, not when its values are.
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables);
    // GraphiQL reads the text only a moment later, and would run a subscription as the query of the tab before.
    const documentAST = parse(query);
    const operations = documentAST.definitions.filter((node) => node.kind === "OperationDefinition");
    setOperationFacts({ documentAST, operationName: example.name, operations });
  };
  const groups = [...new Set(fitting.map((example) => example.group))];
  return (
    <section className="playground-examples" aria-label="Examples">
      <div className="graphiql-doc-explorer-title">Examples</div>
      {!schema && <p>The schema is not known yet. Sign in, or set a token under Headers and reload the schema.</p>}
      {groups.map((group) => (
        <div key={group}>
          <h3>{group}</h3>
          <ul>
            {fitting
              .filter((example) => example.group === group)
              .map((example) => (
                <li key={example.name}>
                  <button type="button" onClick={() => void open(example)}>
                    {example.name}
                    <small>{example.about}</small>
                  </button>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 24 24" width="1em" height="1em" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true">
      <path d="M5 4h9l5 5v11H5z" strokeLinejoin="round" />
      <path d="M8.5 12h7M8.5 16h7" strokeLinecap="round" />
    </svg>
  );
}
