{{sh registry}} {{sh region}} {{sh repository}} {{sh image}} {{sh platform}} {{#each buildArgs}}{{sh name}}={{sh value}} {{/each}}{{sh contextBase64}} {{sh packageUri}}
